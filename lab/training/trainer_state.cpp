// Saving and loading the state of a training.
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/training/trainer.h"
#include "lab/training/trainer_counters.h"

namespace ebb {
namespace {

using Metadata = std::map<std::string, std::string>;

// Parts of a state stand under a prefix.
template <class Value>
void put(std::map<std::string, Value>& into, const std::string& prefix, const std::map<std::string, Value>& part) {
  for (const auto& [name, value] : part) into[prefix + name] = value;
}

template <class Value>
std::map<std::string, Value> cut(const std::map<std::string, Value>& from, const std::string& prefix) {
  std::map<std::string, Value> part;
  for (auto at = from.lower_bound(prefix); at != from.end() && at->first.starts_with(prefix); ++at)
    part[at->first.substr(prefix.size())] = at->second;
  return part;
}

// A part of a state must have exactly the values of the model.
void require_fit(const std::string& where, const std::string& prefix, const State& part, Module& model) {
  std::size_t found = 0;
  const auto require = [&](const std::string& path, const Tensor& own) {
    const auto at = part.find(path);
    const bool fits = at != part.end() && at->second.shape() == own.shape() && at->second.dtype() == own.dtype();
    if (!fits)
      fail(where,
           text(prefix, path,
                at == part.end() ? " missing" : text(" of shape ", at->second.shape(), ' ', at->second.dtype())),
           text(own.shape(), ' ', own.dtype()), "use the model that it was saved from");
    ++found;
  };
  for (const NamedParameter& p : model.named_parameters()) require(p.path, p.parameter->value());
  for (const NamedBuffer& b : model.named_buffers()) require(b.path, b.buffer->value());
  if (found != part.size())
    fail(where, text(part.size(), " values under ", prefix), text(found), "use the model that it was saved from");
}

// Loads an average that is there and saved; `begins` where it is there and not saved.
template <class Average>
void take(std::optional<Average>& average, const State& saved, const char* name, const StateOptions& options,
          bool& begins, std::vector<std::string>& changed,
          const char* with = "begins with the weights that were saved") {
  begins = average && saved.empty();
  if (average && !saved.empty()) return average->load_state(saved);
  if (!begins && saved.empty()) return;
  if (!options.other_averages)
    fail("training state", text(name, begins ? " missing" : " of a training without it"),
         "the same settings of EMA, SWA and lookahead");
  changed.push_back(text(name, ' ', begins ? with : "was left"));
}

std::string described(const PixelStatistics& statistics) {
  std::string out;
  for (const auto& [key, value] : to_metadata(statistics)) out += text(out.empty() ? "" : ", ", key, " ", value);
  return out;
}

}  // namespace

TrainState part_of(const TrainState& state, const std::string& prefix) {
  return {cut(state.tensors, prefix), cut(state.metadata, prefix)};
}

TrainState Trainer::save_state() const {
  if (!can_save()) fail("trainer", "a state in the middle of an update", "one between updates");
  TrainState out;
  put(out.tensors, "model/", model_.state());
  const OptimizerState optimizer = optimizer_.save_state();
  put(out.tensors, "optimizer/", optimizer.tensors);
  put(out.metadata, "optimizer/", optimizer.metadata);
  if (ema_) put(out.tensors, "ema/", ema_->state());
  if (swa_) put(out.tensors, "swa/", swa_->state());
  if (lookahead_) put(out.tensors, "lookahead/", lookahead_->state());
  put(out.tensors, "best/", best_weights_);
  if (snapshot_) {
    put(out.tensors, "snapshot/", snapshot_->tensors);
    put(out.metadata, "snapshot/", snapshot_->metadata);
  }
  out.metadata["trainer"] = to_json(counters_);
  if (const auto standardisation = train_.dataset().standardisation())
    out.metadata.merge(to_metadata(*standardisation));
  for (const TrainObserver* const observer : observers_) observer->save_state(out);
  return out;
}

// What a state comes to, when all of it is right.
struct Trainer::Loaded {
  TrainerCounters counters;
  std::optional<Ema> ema;
  std::optional<Swa> swa;
  std::optional<Lookahead> lookahead;
  bool ema_begins = false, swa_begins = false, lookahead_begins = false;
  OptimizerState optimizer;
  OptimizerLoadReport report;
  State best;
  std::optional<TrainState> snapshot;
};

Trainer::Loaded Trainer::check(const TrainState& state, const StateOptions& options) const {
  const std::string where = "training state";
  const auto counters = state.metadata.find("trainer");
  if (counters == state.metadata.end()) fail(where, "no entry \"trainer\"", "the state of a training");
  // Copies of averages share their tensors until they load others.
  Loaded out{.counters = counters_from_json(counters->second, where),
             .ema = ema_,
             .swa = swa_,
             .lookahead = lookahead_,
             .optimizer = {cut(state.tensors, "optimizer/"), cut(state.metadata, "optimizer/")},
             .report = {},
             .best = cut(state.tensors, "best/"),
             .snapshot = {}};
  const TrainerCounters& c = out.counters;
  if (c.batches != train_.batches() || c.epoch_samples != train_.samples())
    fail(where, text(c.batches, " batches of ", c.epoch_samples, " samples in an epoch"),
         text(train_.batches(), " batches of ", train_.samples()), "use the same data, validation share and batch");
  if (c.rollbacks > options_.rollbacks)
    fail(where, text("rollbacks = ", c.rollbacks), text("0 to ", options_.rollbacks), "allow as many as before");
  const auto stored = statistics_from(state.metadata, where), own = train_.dataset().standardisation();
  if (stored && own && *stored != *own)
    fail(where, text("images standardised by ", described(*stored)), text("as the data are: ", described(*own)),
         "give the data the stored one: ImageDataset::set_statistics(statistics_from(...))");
  require_fit(where, "model/", cut(state.tensors, "model/"), model_);
  if (!out.best.empty()) require_fit(where, "best/", out.best, model_);
  out.report = optimizer_.check_state(out.optimizer);
  std::vector<std::string>& changed = out.report.changed;
  take(out.ema, cut(state.tensors, "ema/"), "EMA", options, out.ema_begins, changed);
  take(out.swa, cut(state.tensors, "swa/"), "SWA", options, out.swa_begins, changed, "begins with no weights");
  take(out.lookahead, cut(state.tensors, "lookahead/"), "lookahead", options, out.lookahead_begins, changed);
  TrainState snapshot{cut(state.tensors, "snapshot/"), cut(state.metadata, "snapshot/")};
  if (!snapshot.tensors.empty() || !snapshot.metadata.empty()) out.snapshot = std::move(snapshot);
  return out;
}

OptimizerLoadReport Trainer::load_state(const TrainState& state, const StateOptions& options) {
  Loaded loaded = check(state, options);
  // A rollback would find its faults too late. One that holds a further one is no work of save_state().
  if (loaded.snapshot && check(*loaded.snapshot, options).snapshot)
    fail("training state", "a snapshot within a snapshot", "one at most", "the state is damaged");

  // The last that may refuse.
  for (TrainObserver* const observer : observers_) observer->load_state(state);

  // Everything fits: from here on all is taken over.
  optimizer_.load_state(loaded.optimizer);
  model_.load_state(cut(state.tensors, "model/"));
  ema_ = std::move(loaded.ema);
  swa_ = std::move(loaded.swa);
  lookahead_ = std::move(loaded.lookahead);
  if (loaded.ema_begins) ema_.emplace(model_, *options_.ema);
  if (loaded.swa_begins) swa_.emplace(model_);
  if (loaded.lookahead_begins) lookahead_.emplace(optimizer_, *options_.lookahead);
  best_weights_ = std::move(loaded.best);
  snapshot_ = std::move(loaded.snapshot);
  counters_ = std::move(loaded.counters);
  optimizer_.set_base_lr(base_lr_ * std::pow(options_.rollback_factor, static_cast<double>(counters_.rollbacks)));
  optimizer_.zero_grad();
  batches_tried_ = batches_tried_ && ranks_.size() == 1;  // ranks may have loaded different states
  leave_epoch();
  return std::move(loaded.report);
}

}  // namespace ebb
