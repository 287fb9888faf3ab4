#include "optim/averaging.h"

#include <algorithm>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const Tensor& found(const char* where, const State& state, const std::string& key, const Shape& shape, DType dtype) {
  const auto at = state.find(key);
  if (at == state.end()) fail(where, "no tensor " + key, "one for every averaged value");
  if (!(at->second.shape() == shape) || at->second.dtype() != dtype)
    fail(where, text(key, " of shape ", at->second.shape(), ' ', at->second.dtype()), text(shape, ' ', dtype));
  return at->second;
}

// The counter `key` of a state that has it and `values` tensors.
std::int64_t counter(const char* where, const State& state, const std::string& key, std::size_t values) {
  constexpr std::int64_t most = 1'000'000'000'000'000;
  const std::int64_t count = found(where, state, key, {}, DType::i64).data<std::int64_t>()[0];
  if (count < 0 || count > most) fail(where, text(key, " = ", count), text("0 to ", most), "the state is damaged");
  if (state.size() != values + 1)
    fail(where, text(state.size() - 1, " averages"), text(values), "use the model that they were saved from");
  return count;
}

}  // namespace

WeightAverage::WeightAverage(const char* name, Module& model) : name_(name) {
  for (const NamedParameter& p : model.named_parameters())
    entries_.push_back({p.path, &p.parameter->value(), p.parameter->value().clone()});
  for (const NamedBuffer& b : model.named_buffers())
    if (is_float(b.buffer->value().dtype()))
      entries_.push_back({b.path, &b.buffer->value(), b.buffer->value().clone()});
}

void WeightAverage::take(double share) {
  for (Entry& entry : entries_) lerp(entry.average, *entry.value, share);
  ++updates_;
}

void WeightAverage::swap() {
  for (const Entry& entry : entries_) {
    require_same_shape(name_, *entry.value, entry.average);
    require_same_dtype(name_, *entry.value, entry.average);
  }
  for (Entry& entry : entries_) std::ranges::swap_ranges(entry.value->mutable_bytes(), entry.average.mutable_bytes());
}

State WeightAverage::averages() const {
  State out;
  for (const Entry& entry : entries_) out[entry.path] = entry.average.clone();
  return out;
}

State WeightAverage::state() const {
  State out = averages();
  out["updates"] = Tensor::from({updates_}, {});
  return out;
}

void WeightAverage::load_state(const State& state) {
  for (const Entry& entry : entries_) found(name_, state, entry.path, entry.average.shape(), entry.average.dtype());
  const std::int64_t updates = counter(name_, state, "updates", entries_.size());
  for (Entry& entry : entries_) entry.average = state.at(entry.path).clone();
  updates_ = updates;
}

Ema::Ema(Module& model, EmaOptions options) : WeightAverage("ema", model), options_(options) {
  if (!(options.keep >= 0 && options.keep < 1))
    fail("ema", text("keep = ", options.keep), "a number from 0 to below 1");
}

void Ema::update() {
  const double t = static_cast<double>(updates() + 1);
  take(1 - (options_.warm_up ? std::min(options_.keep, (1 + t) / (10 + t)) : options_.keep));
}

Swa::Swa(Module& model) : WeightAverage("swa", model) {}

void Swa::update() { take(1 / static_cast<double>(updates() + 1)); }

Lookahead::Lookahead(Optimizer& optimizer, LookaheadOptions options) : options_(options) {
  if (options.every < 1 || !(options.alpha > 0 && options.alpha <= 1))
    fail("lookahead", text("every = ", options.every, ", alpha = ", options.alpha), "every >= 1, 0 < alpha <= 1");
  for (const ParameterState& p : optimizer.parameters())
    entries_.push_back({p.path, p.parameter, p.parameter->value().clone()});
}

bool Lookahead::update() {
  if (++calls_ % options_.every != 0) return false;
  for (Entry& entry : entries_) {
    if (entry.parameter->frozen()) continue;
    lerp(entry.slow, entry.parameter->value(), options_.alpha);
    copy_into(entry.parameter->value(), entry.slow);
  }
  return true;
}

State Lookahead::state() const {
  State out;
  for (const Entry& entry : entries_) out[entry.path] = entry.slow.clone();
  out["calls"] = Tensor::from({calls_}, {});
  return out;
}

void Lookahead::load_state(const State& state) {
  for (const Entry& entry : entries_) found("lookahead", state, entry.path, entry.slow.shape(), entry.slow.dtype());
  const std::int64_t calls = counter("lookahead", state, "calls", entries_.size());
  for (Entry& entry : entries_) entry.slow = state.at(entry.path).clone();
  calls_ = calls;
}

}  // namespace ebb
