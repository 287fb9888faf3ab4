// States with right checksums and wrong contents: each is refused with a sentence, and nothing of the training changes.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/tensor/error.h"
#include "lab/training/trainer.h"
#include "tests/lab/small_training.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;
using test::SmallTraining;

// A training in the middle of its third epoch with everything that has a state, a snapshot and a best epoch among it.
struct Begun : SmallTraining {
  explicit Begun(std::int64_t steps = 17)
      : SmallTraining({.epochs = 8,
                       .ema = EmaOptions{.keep = 0.9},
                       .lookahead = LookaheadOptions{.every = 3},
                       .keep_best = true,
                       .non_finite = OnNonFinite::rollback,
                       .snapshot_every = 4},
                      {.plateau = PlateauOptions{}}) {
    while (trainer.batches_done() < steps) trainer.step();
  }
};

// Everything that a training is, bit for bit, also what its state does not hold.
std::string all_of(Begun& t) {
  const TrainState state = t.trainer.save_state();
  std::string out;
  for (const auto& [name, tensor] : state.tensors)
    out += text(name, ' ', tensor.shape(), ' ', tensor.dtype(), ' ') +
           std::string(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size()) + '\n';
  for (const auto& [key, value] : state.metadata) out += text(key, " = ", value, '\n');
  for (const NamedParameter& p : t.model.named_parameters())
    out += p.parameter->grad().defined() ? p.path + " has a gradient\n" : "";
  return out + text(t.optimizer.common().lr, ' ', t.trainer.batches_done(), ' ', t.trainer.best_step());
}

// Loads damaged states into a training that stands elsewhere, and counts.
struct Damage {
  TrainState good = Begun().trainer.save_state();
  Begun victim{6};
  std::string before = all_of(victim);
  int refused = 0, taken = 0;

  void expect(const TrainState& state, const std::string& what, bool refuse, const std::string& named = {}) {
    std::string message = "no error";
    try {
      victim.trainer.load_state(state);
    } catch (const Error& error) {
      message = error.what();
    } catch (const std::exception& error) {
      BOOST_ERROR(what << ": an exception that is no Error: " << error.what());
    }
    BOOST_TEST((message != "no error") == refuse, what << ": " << message);
    BOOST_TEST(message.find("json.exception") == std::string::npos, message);
    if (refuse) {
      ++refused;
      BOOST_TEST(message.find("; wanted ") != std::string::npos, message);
      BOOST_TEST(message.find(named) != std::string::npos, "no \"" << named << "\" in: " << message);
      BOOST_TEST((all_of(victim) == before), what << " changed the training");
    } else {
      ++taken;
      victim.trainer.load_state(Begun{6}.trainer.save_state());
      before = all_of(victim);
    }
  }
};

constexpr const char* prefixes[] = {"", "snapshot/"};

// What each counter bears of the values below, beside numbers in its range: "n" null, "m" minus one.
const std::map<std::string, std::string> borne{{"train_loss", "nm"},
                                               {"evaluation_loss", "nm"},
                                               {"train_accuracy", "n"},
                                               {"lr", "n"},  // of epochs that another program made
                                               {"evaluation_accuracy", "n"}};

BOOST_AUTO_TEST_SUITE(damaged_states)

BOOST_FIXTURE_TEST_CASE(every_counter_is_checked_before_anything_changes, Damage) {
  expect(good, "the state as it is", false);
  for (const std::string prefix : prefixes) {
    const Json counters = Json::parse(good.metadata.at(prefix + "trainer"));
    BOOST_REQUIRE(counters.size() == 16u);
    const auto with = [&](const Json& changed) {
      TrainState state = good;
      state.metadata[prefix + "trainer"] = changed.dump();
      return state;
    };
    const auto try_all = [&](const std::string& name, const Json::json_pointer& at) {
      const std::string what = prefix + name;
      const std::string bears = borne.contains(name) ? borne.at(name) : std::string();
      const auto put = [&](const Json& value) {
        Json changed = counters;
        changed[at] = value;
        return changed;
      };
      expect(with(put(nullptr)), what + " null", bears.find('n') == std::string::npos);
      expect(with(put(-1)), what + " -1", bears.find('m') == std::string::npos);
      for (const Json& value : {Json(1e300), Json("text"), Json(true), Json::array(), Json::object()})
        expect(with(put(value)), what + ' ' + value.dump(), true);
      if (counters[at].is_number_integer())
        for (const Json& value : {Json(0.5), Json(std::numeric_limits<std::uint64_t>::max())})
          expect(with(put(value)), what + ' ' + value.dump(), true);
      // Not a number is no JSON either.
      std::string not_a_number = put("MARK").dump();
      not_a_number.replace(not_a_number.find("\"MARK\""), 6, "NaN");
      TrainState state = good;
      state.metadata[prefix + "trainer"] = not_a_number;
      expect(state, what + " NaN", true);
    };
    for (const auto& [name, value] : counters.items()) {
      Json changed = counters;
      changed.erase(name);
      expect(with(changed), prefix + name + " removed", true, name);
      if (name != "curve") try_all(name, Json::json_pointer("/" + name));
    }
    const char* const columns[] = {
        "number",           "lr", "train_loss", "train_accuracy", "evaluation_loss", "evaluation_accuracy", "seconds",
        "images_per_second"};
    for (std::size_t i = 0; i < std::size(columns); ++i) try_all(columns[i], Json::json_pointer(text("/curve/1/", i)));
    for (const auto& damage : std::vector<std::function<void(Json&)>>{
             [](Json& c) { c["curve"].erase(0); }, [](Json& c) { c["curve"].push_back(c["curve"][0]); },
             [](Json& c) { c["curve"][0].erase(0); }, [](Json& c) { c["curve"] = 3; }, [](Json& c) { c = 3; },
             [](Json& c) { c["position"] = 8; }, [](Json& c) { c["hits"] = c["samples"].get<int>() + 1; },
             [](Json& c) { c["samples"] = 71; }, [](Json& c) { c["best_step"] = 18; }, [](Json& c) { c["bad"] = 3; },
             [](Json& c) { c["best_step"] = 0; }, [](Json& c) { c["epoch"] = 1; }, [](Json& c) { c["epoch"] = 3; },
             [](Json& c) { c["rollbacks"] = 4; }, [](Json& c) { c["batches"] = 6; }, [](Json& c) { c["format"] = "1"; },
             [](Json& c) { c["epoch_samples"] = 71; }}) {
      Json changed = counters;
      damage(changed);
      expect(with(changed), prefix + changed.dump(), true);
    }
    TrainState state = good;
    state.metadata.erase(prefix + "trainer");
    expect(state, prefix + "trainer removed", true, "trainer");
  }
  for (const std::string prefix : prefixes)
    for (const char* const name : {"epoch", "format", "loss_sum"}) {
      Json counters = Json::parse(good.metadata.at(prefix + "trainer"));
      counters[name] = "MARK";
      TrainState state = good;
      std::string& changed = state.metadata[prefix + "trainer"] = counters.dump();
      constexpr std::size_t depth = 1'000'000;
      changed.replace(changed.find("\"MARK\""), 6, std::string(depth, '[') + std::string(depth, ']'));
      expect(state, text(prefix, name, " as a list of lists of lists ..."), true, "within each other");
    }
  BOOST_TEST(refused > 400);
  BOOST_TEST(taken > 10);
}

BOOST_FIXTURE_TEST_CASE(every_count_of_the_optimizer_is_checked, Damage) {
  const std::set<std::string> signed_ones{"optimizer/plateau/best"};
  int counts = 0;
  for (const auto& entry : TrainState(good).metadata) {
    const std::string &key = entry.first, &value = entry.second;
    const std::size_t at = key.find("optimizer/");
    if (at == std::string::npos || value.find_first_not_of("0123456789.-e") != std::string::npos) continue;
    ++counts;
    const auto with = [&](const char* other) {
      TrainState state = good;
      state.metadata[key] = other;
      return state;
    };
    const bool any = signed_ones.contains(key.substr(at));
    const std::string name = key.substr(at + 10);
    for (const char* const bad : {"", "null", "nan", "text", "1 ", "0x1"})
      expect(with(bad), key + ' ' + bad, true, name);
    for (const char* const bad : {"-1", "1e300"}) expect(with(bad), key + ' ' + bad, !any, any ? "" : name);
    TrainState state = good;
    state.metadata.erase(key);
    expect(state, key + " removed", true, name);
  }
  BOOST_TEST(counts == 2 * 7);  // of the state and its snapshot: step, skipped_steps, five of the plateau
}

BOOST_FIXTURE_TEST_CASE(every_tensor_is_checked, Damage) {
  int tensors = 0, counts = 0;
  const std::map<std::string, Tensor> all = good.tensors;
  for (const auto& [name, tensor] : all) {
    ++tensors;
    TrainState state = good;
    state.tensors[name] = Tensor::zeros({3, 1, 2}, DType::u8);
    expect(state, name + " of another shape", true);
    state.tensors.erase(name);
    expect(state, name + " removed", true);
    // What the buffers of a module may hold is known to the module alone.
    const bool buffer = name.find("model/") != std::string::npos || name.find("best/") != std::string::npos;
    if (tensor.dtype() != DType::i64 || buffer) continue;
    ++counts;
    for (const std::int64_t count : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
      state.tensors[name] = Tensor::from({count}, {});
      expect(state, text(name, " = ", count), true);
    }
  }
  BOOST_TEST(tensors > 60);
  BOOST_TEST(counts == 2 * (6 + 2));  // updates of each parameter and of the averages
  for (const char* const part : {"model/", "best/", "ema/", "lookahead/", "snapshot/model/", "snapshot/ema/"}) {
    TrainState state = good;
    state.tensors[text(part, "stranger")] = Tensor::zeros({1});
    expect(state, text(part, "stranger"), true);
  }
  TrainState nested = good;
  for (const auto& [key, value] : good.metadata)
    if (key.starts_with("snapshot/")) nested.metadata["snapshot/" + key] = value;
  expect(nested, "a snapshot within a snapshot", true, "a snapshot within a snapshot");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
