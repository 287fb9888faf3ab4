#include "lab/training/trainer_counters.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <variant>

#include "framework/io/json_nesting.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;
using Counters = TrainerCounters;

constexpr const char* format = "2";
constexpr const char* damaged = "the state is damaged: go on from an older checkpoint";
constexpr double most_seconds = 1e12;
constexpr double largest = std::numeric_limits<float>::max();  // a finite loss or learning rate
constexpr double many = 1e12;

// A value, and what it may be: a whole number where low and high are of a count. NaN stands as null.
struct Range {
  double low = 0;
  double high = 0;
  bool whole = false;
  bool or_none = false;
};

double number_from(const Json* json, const std::string& name, const Range& range, const std::string& where) {
  const bool none = json != nullptr && json->is_null() && range.or_none;
  if (none) return std::numeric_limits<double>::quiet_NaN();
  const bool right = json != nullptr && (range.whole ? json->is_number_integer() : json->is_number());
  const double value = right ? json->get<double>() : 0;
  if (!right || !(value >= range.low && value <= range.high))
    fail(where, text(name, json == nullptr ? std::string(" missing") : " = " + json->dump().substr(0, 40)),
         text(range.whole ? "a whole number from " : "a number from ", range.low, " to ", range.high), damaged);
  return value;
}

// The table of counters: names in the file, members, ranges. What they may be beside others stands in fit().
struct Field {
  const char* name;
  std::variant<std::int64_t Counters::*, double Counters::*> member;
  Range range;
};

constexpr Range a_count{0, many, true, false};
constexpr Range a_sum{0, largest * 1e9, false, false};
constexpr Range time{0, most_seconds, false, false};

constexpr std::array fields = {
    Field{"epoch", &Counters::epoch, a_count},
    Field{"position", &Counters::position, a_count},
    Field{"batches", &Counters::batches, {1, many, true, false}},
    Field{"epoch_samples", &Counters::epoch_samples, {1, many, true, false}},
    Field{"samples", &Counters::samples, a_count},
    Field{"hits", &Counters::hits, a_count},
    Field{"loss_sum", &Counters::loss_sum, a_sum},
    Field{"lr_sum", &Counters::lr_sum, a_sum},
    Field{"epoch_seconds", &Counters::epoch_seconds, time},
    Field{"seconds", &Counters::seconds, time},
    Field{"best", &Counters::best, {-1, 1, false, false}},
    Field{"best_step", &Counters::best_step, a_count},
    Field{"bad", &Counters::bad, a_count},
    Field{"rollbacks", &Counters::rollbacks, {0, 1000, true, false}},
};

// A point of the curve: its numbers in the order of the file.
struct Column {
  const char* name;
  double EpochResult::*member;
  Range range;
};

constexpr std::array columns = {
    Column{"lr", &EpochResult::lr, {a_sum.low, a_sum.high, false, true}},
    Column{"train_loss", &EpochResult::train_loss, {-largest, largest, false, true}},
    Column{"train_accuracy", &EpochResult::train_accuracy, {0, 1, false, true}},
    Column{"judged_loss", &EpochResult::evaluation_loss, {-largest, largest, false, true}},
    Column{"judged_accuracy", &EpochResult::evaluation_accuracy, {0, 1, false, true}},
    Column{"seconds", &EpochResult::seconds, time},
    Column{"images_per_second", &EpochResult::images_per_second, {0, many, false, false}},
};

EpochResult point_from(const Json& json, std::int64_t epoch, const std::string& where) {
  const std::string name = text("epoch ", epoch, " of the curve");
  if (!json.is_array() || json.size() != columns.size() + 1)
    fail(where, text(name, " that is no list of ", columns.size() + 1, " numbers"), "one as Ebb writes it", damaged);
  EpochResult out{.epoch = epoch};
  const auto number = static_cast<double>(epoch);
  number_from(&json[0], name, {number, number, true, false}, where);
  for (std::size_t i = 0; i < columns.size(); ++i)
    out.*columns[i].member = number_from(&json[i + 1], text(columns[i].name, " in ", name), columns[i].range, where);
  return out;
}

// What must hold between the counters.
void require_consistent(const Counters& c, const std::string& where) {
  const auto at_most = [&](const char* name, std::int64_t value, const char* other, std::int64_t most) {
    if (value > most) fail(where, text(name, " = ", value), text("at most ", other, ", which is ", most), damaged);
  };
  at_most("position", c.position, "batches", c.batches);
  at_most("samples", c.samples, "epoch_samples", c.epoch_samples);
  at_most("hits", c.hits, "samples", c.samples);
  at_most("batches", c.batches, "epoch_samples", c.epoch_samples);
  at_most("epoch", c.epoch, "the points of the curve", static_cast<std::int64_t>(c.curve.size()));
  at_most("the number of points of the curve", static_cast<std::int64_t>(c.curve.size()), "epoch", c.epoch);
  at_most("best_step", c.best_step, "the batches so far", c.epoch * c.batches + c.position);
  at_most("bad", c.bad, "epoch", c.epoch);
  if ((c.best_step == 0) != (c.best == -1))
    fail(where, text("best = ", c.best, " with best_step = ", c.best_step), "-1 and 0, or an accuracy and its step",
         damaged);
}

}  // namespace

std::string to_json(const TrainerCounters& counters) {
  Json out = {{"format", format}};
  for (const Field& field : fields) std::visit([&](auto member) { out[field.name] = counters.*member; }, field.member);
  Json curve = Json::array();
  for (const EpochResult& epoch : counters.curve) {
    Json point = Json::array({epoch.epoch});
    for (const Column& column : columns) point.push_back(epoch.*column.member);
    curve.push_back(std::move(point));
  }
  out["curve"] = std::move(curve);
  return out.dump();
}

TrainerCounters counters_from_json(const std::string& text_of_json, const std::string& where) {
  require_json_nesting(text_of_json, where);
  const Json json = Json::parse(text_of_json, nullptr, false);
  if (!json.is_object()) fail(where, "counters that are no JSON object", "those of a training", damaged);
  const auto find = [&](const char* name) {
    const auto at = json.find(name);
    return at == json.end() ? nullptr : &*at;
  };
  const Json* const version = find("format");
  if (version == nullptr || *version != format)
    fail(where, text("format ", version == nullptr ? "missing" : version->dump().substr(0, 40)),
         text("format \"", format, '"'), "go on with the version of Ebb that wrote it");
  Counters out;
  for (const Field& field : fields) {
    const double value = number_from(find(field.name), field.name, field.range, where);
    std::visit([&](auto member) { out.*member = static_cast<std::decay_t<decltype(out.*member)>>(value); },
               field.member);
  }
  const Json* const curve = find("curve");
  if (curve == nullptr || !curve->is_array())
    fail(where, curve == nullptr ? "curve missing" : "a curve that is no list", "a point for each epoch", damaged);
  for (const Json& point : *curve)
    out.curve.push_back(point_from(point, static_cast<std::int64_t>(out.curve.size()) + 1, where));
  require_consistent(out, where);
  return out;
}

}  // namespace ebb
