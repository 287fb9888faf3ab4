#include "lab/training/guard.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "framework/autograd/observing.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"

namespace ebb {
namespace {

constexpr std::array non_finite_words{std::pair{"abort", OnNonFinite::abort}, std::pair{"skip", OnNonFinite::skip},
                                      std::pair{"rollback", OnNonFinite::rollback}};

bool finite(const Tensor& tensor) { return !is_float(tensor.dtype()) || all_finite(tensor); }

// Looks at every result of a step, and keeps the first that is not finite.
class Watch : public detail::CallObserver, public detail::OpObserver {
 public:
  explicit Watch(Module& model) {
    for (const NamedModule& m : model.named_modules()) paths_.emplace(m.module, m.path);
  }

  void enter(Layer& layer, const Var&) override { open_.push_back(paths_[&layer]); }
  void leave(Layer&, const Var&, const Var&) override { open_.pop_back(); }

  void forward(const char* op, std::size_t node, std::span<const Var>, const Tensor& output) override {
    layers_[node] = open_.empty() ? std::string() : open_.back();
    if (tape != nullptr && node < tape->size() && tape->node(node).setting("winograd") == 4) spreading_.insert(node);
    if (found.empty() && !finite(output)) found = text("the result of ", op, place(node), advice(node));
    looked += found.empty() ? 1 : 0;
  }

  void backward(const char* op, std::size_t node, const Tensor& gradient) override {
    if (found.empty() && !finite(gradient))
      found = text("the gradient that ", op, place(node), " hands back", advice(node));
    looked += found.empty() ? 1 : 0;
  }

  const Tape* tape = nullptr;
  std::string found;
  std::int64_t looked = 0;  // at results before it

 private:
  detail::Observing<detail::CallObserver> calls_{detail::call_observer, this};
  detail::Observing<detail::OpObserver> ops_{detail::op_observer, this};
  std::string place(std::size_t node) const {
    const std::string& layer = layers_.at(node);
    return layer.empty() ? "" : text(" in layer \"", layer, '"');
  }

  std::string advice(std::size_t node) const {
    if (!spreading_.contains(node)) return {};
    return " (computed by Winograd's F(4x4), which overflows earlier than sums of products and spreads large numbers "
           "over a tile: try EBB_WINOGRAD or Conv2dOptions::winograd = 2 or 0)";
  }

  std::map<const Module*, std::string> paths_;
  std::set<std::size_t> spreading_;  // values that F(4x4) has computed
  std::vector<std::string> open_;
  std::map<std::size_t, std::string> layers_;  // by node: the innermost layer that ran
};

// The gradients as they were, to be put back.
class Gradients {
 public:
  explicit Gradients(Module& model) {
    for (Parameter* const p : model.parameters()) kept_.emplace_back(p, p->grad());
    model.zero_grad();
  }
  ~Gradients() {
    for (auto& [parameter, gradient] : kept_) {
      parameter->zero_grad();
      if (gradient.defined()) parameter->accumulate(std::move(gradient));
    }
  }
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;

 private:
  std::vector<std::pair<Parameter*, Tensor>> kept_;
};

}  // namespace

const char* name(OnNonFinite policy) {
  for (const auto& [word, value] : non_finite_words)
    if (value == policy) return word;
  return "?";
}

OnNonFinite non_finite_policy(std::string_view wanted) {
  for (const auto& [word, value] : non_finite_words)
    if (wanted == word) return value;
  fail("non_finite", in_quotes(wanted), "a policy", suggestion(wanted, non_finite_names()));
}

std::vector<std::string> non_finite_names() {
  std::vector<std::string> names;
  for (const auto& [word, value] : non_finite_words) names.emplace_back(word);
  return names;
}

BufferSnapshot::BufferSnapshot(Module& model) {
  for (const NamedBuffer& b : model.named_buffers()) {
    values_.push_back(&b.buffer->value());
    copies_.push_back(b.buffer->value().clone());
  }
}

void BufferSnapshot::take() {
  for (std::size_t i = 0; i < values_.size(); ++i) copy_into(copies_[i], *values_[i]);
}

void BufferSnapshot::restore() const {
  for (std::size_t i = 0; i < values_.size(); ++i) copy_into(*values_[i], copies_[i]);
}

std::vector<std::string> non_finite_gradients(Module& model) {
  std::vector<std::string> paths;
  for (const NamedParameter& p : model.named_parameters())
    if (p.parameter->grad().defined() && !all_finite(p.parameter->grad())) paths.push_back(p.path);
  return paths;
}

std::string non_finite_value(Module& model) {
  for (const NamedParameter& p : model.named_parameters())
    if (!finite(p.parameter->value())) return text("the parameter ", p.path);
  for (const NamedBuffer& b : model.named_buffers())
    if (!finite(b.buffer->value())) return text("the buffer ", b.path);
  return {};
}

std::string find_non_finite(Layer& model, const Tensor& images, const std::function<Var()>& loss,
                            const std::function<bool(bool finite)>& go_on, std::int64_t* when) {
  if (when != nullptr) *when = 0;
  if (!finite(images)) return "the input images";
  if (std::string value = non_finite_value(model); !value.empty()) return value;
  const BufferSnapshot buffers(model);
  const Gradients gradients(model);
  Watch watch(model);
  {
    Tape tape;
    watch.tape = &tape;
    const Var value = loss();
    if (go_on(watch.found.empty())) tape.backward(value);
  }
  buffers.restore();
  if (when != nullptr) *when = watch.looked;
  return watch.found;
}

}  // namespace ebb
