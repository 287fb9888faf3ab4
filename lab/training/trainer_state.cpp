// Saving and loading the state of a training.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/tensor/error.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;
using Metadata = std::map<std::string, std::string>;

constexpr const char* format = "1";

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

const std::string& text_of(const Metadata& metadata, const std::string& key) {
  const auto at = metadata.find(key);
  if (at == metadata.end()) fail("training state", text("no entry \"", key, '"'), "the state of a training");
  return at->second;
}

// NaN stands as null.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

Json curve_to_json(const std::vector<EpochResult>& curve) {
  Json list = Json::array();
  for (const EpochResult& e : curve)
    list.push_back({e.epoch, e.lr, e.train_loss, e.train_accuracy, e.judged_loss, e.judged_accuracy, e.seconds,
                    e.images_per_second});
  return list;
}

std::vector<EpochResult> curve_from_json(const Json& list) {
  std::vector<EpochResult> curve;
  for (const Json& e : list)
    curve.push_back({e.at(0).get<std::int64_t>(), number(e.at(1)), number(e.at(2)), number(e.at(3)), number(e.at(4)),
                     number(e.at(5)), number(e.at(6)), number(e.at(7))});
  return curve;
}

std::string described(const PixelStatistics& statistics) {
  std::string out;
  for (const auto& [key, value] : to_metadata(statistics)) out += text(out.empty() ? "" : ", ", key, " ", value);
  return out;
}

}  // namespace

TrainState Trainer::save_state() const {
  if (!can_save()) fail("trainer", "a state in the middle of an accumulated update", "one between updates");
  TrainState out;
  put(out.tensors, "model/", model_.state());
  const OptimizerState optimizer = optimizer_.save_state();
  put(out.tensors, "optimizer/", optimizer.tensors);
  put(out.metadata, "optimizer/", optimizer.metadata);
  if (ema_) put(out.tensors, "ema/", ema_->state());
  if (lookahead_) put(out.tensors, "lookahead/", lookahead_->state());
  put(out.tensors, "best/", best_weights_);
  if (snapshot_) {
    put(out.tensors, "snapshot/", snapshot_->tensors);
    put(out.metadata, "snapshot/", snapshot_->metadata);
  }
  const Json counters = {{"format", format},
                         {"epoch", epoch_},
                         {"position", position_},
                         {"batches", train_.batches()},
                         {"training_samples", train_.samples()},
                         {"samples", samples_},
                         {"hits", hits_},
                         {"loss_sum", loss_sum_},
                         {"lr_sum", lr_sum_},
                         {"epoch_seconds", epoch_seconds_},
                         {"seconds", seconds_},
                         {"best", best_},
                         {"best_step", best_step_},
                         {"bad", bad_},
                         {"rollbacks", rollbacks_},
                         {"curve", curve_to_json(curve_)}};
  out.metadata["trainer"] = counters.dump();
  if (const auto standardisation = train_.dataset().standardisation())
    out.metadata.merge(to_metadata(*standardisation));
  return out;
}

void Trainer::load_state(const TrainState& state) {
  Json counters;
  std::vector<EpochResult> curve;
  try {
    counters = Json::parse(text_of(state.metadata, "trainer"));
    curve = curve_from_json(counters.at("curve"));
    if (counters.at("format") != format)
      fail("training state", text("format ", counters.at("format").dump()), text("format \"", format, '"'),
           "go on with the version of Ebb that wrote it");
    for (const char* const key : {"epoch", "position", "samples", "hits", "best_step", "bad", "rollbacks"})
      if (counters.at(key).get<std::int64_t>() < 0)
        fail("training state", text(key, " = ", counters.at(key).dump()), "0 or more", "the state is damaged");
    const auto batches = counters.at("batches").get<std::int64_t>();
    const auto samples = counters.at("training_samples").get<std::int64_t>();
    if (batches != train_.batches() || samples != train_.samples())
      fail("training state", text(batches, " batches of ", samples, " samples in an epoch"),
           text(train_.batches(), " batches of ", train_.samples()), "use the same data, validation share and batch");
    if (counters.at("position").get<std::int64_t>() > batches)
      fail("training state", text("position ", counters.at("position").dump()), text("0 to ", batches));
  } catch (const Json::exception& error) {
    fail("training state", text("counters that do not parse: ", error.what()), "the state of a training",
         "the state is damaged");
  }
  const auto stored = statistics_from(state.metadata, "training state"), own = train_.dataset().standardisation();
  if (stored && own && *stored != *own)
    fail("training state", text("images standardised by ", described(*stored)),
         text("as the data are: ", described(*own)),
         "give the data the stored one: ImageDataset::set_statistics(statistics_from(...))");
  if (cut(state.tensors, "ema/").empty() != !ema_ || cut(state.tensors, "lookahead/").empty() != !lookahead_)
    fail("training state", "other averages", "the same settings of EMA and lookahead");

  // Whatever does not fit throws before anything else is changed; then all of the rest fits.
  const State model = model_.state();
  const OptimizerState optimizer{cut(state.tensors, "optimizer/"), cut(state.metadata, "optimizer/")};
  model_.load_state(cut(state.tensors, "model/"));
  try {
    if (ema_) ema_->load_state(cut(state.tensors, "ema/"));
    if (lookahead_) lookahead_->load_state(cut(state.tensors, "lookahead/"));
    optimizer_.load_state(optimizer);
  } catch (const Error&) {
    model_.load_state(model);
    throw;
  }
  best_weights_ = cut(state.tensors, "best/");
  snapshot_.reset();
  if (state.metadata.count("snapshot/trainer") != 0)
    snapshot_ = TrainState{cut(state.tensors, "snapshot/"), cut(state.metadata, "snapshot/")};
  epoch_ = counters.at("epoch").get<std::int64_t>();
  position_ = counters.at("position").get<std::int64_t>();
  samples_ = counters.at("samples").get<std::int64_t>();
  hits_ = counters.at("hits").get<std::int64_t>();
  loss_sum_ = number(counters.at("loss_sum"));
  lr_sum_ = number(counters.at("lr_sum"));
  epoch_seconds_ = number(counters.at("epoch_seconds"));
  seconds_ = number(counters.at("seconds"));
  best_ = number(counters.at("best"));
  best_step_ = counters.at("best_step").get<std::int64_t>();
  bad_ = counters.at("bad").get<std::int64_t>();
  rollbacks_ = counters.at("rollbacks").get<std::int64_t>();
  curve_ = std::move(curve);
  optimizer_.set_base_lr(base_lr_ * std::pow(options_.rollback_factor, static_cast<double>(rollbacks_)));
  optimizer_.zero_grad();
  leave_epoch();
}

}  // namespace ebb
