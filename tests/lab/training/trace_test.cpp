// Traces of trainings: spans nest on every track, add up to the steps, are bounded, and change no bit.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/io/checksum.h"
#include "framework/nn/summary.h"
#include "lab/training/train_trace.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::trace_test {
namespace {

using Json = nlohmann::json;
using test::SmallTraining;

struct Span {
  std::string name, category, layer;
  std::int64_t bytes = -1;
  int track = 0;
  double begin = 0, end = 0;  // microseconds
  int parent = -1;            // number of the span around it
  bool leaf = true;
};

// The spans of a trace, whose ends are checked on the way.
std::vector<Span> spans_of(const std::string& trace) {
  std::vector<Span> out;
  std::map<int, std::vector<int>> open;
  std::map<int, double> last;
  const Json json = Json::parse(trace);
  for (const Json& event : json.at("traceEvents")) {
    const std::string kind = event.at("ph");
    if (kind == "M") continue;
    const int track = event.at("tid");
    const double at = event.at("ts");
    BOOST_REQUIRE(at >= last[track]);
    last[track] = at;
    std::vector<int>& inside = open[track];
    if (kind == "E") {
      BOOST_REQUIRE(!inside.empty());
      out[static_cast<std::size_t>(inside.back())].end = at;
      inside.pop_back();
      continue;
    }
    BOOST_REQUIRE(kind == "B");
    const Json& args = event.at("args");
    Span span{.name = event.at("name"),
              .category = event.at("cat"),
              .layer = args.value("layer", ""),
              .bytes = args.value("bytes", std::int64_t{-1}),
              .track = track,
              .begin = at,
              .parent = inside.empty() ? -1 : inside.back()};
    if (span.parent >= 0) out[static_cast<std::size_t>(span.parent)].leaf = false;
    inside.push_back(static_cast<int>(out.size()));
    out.push_back(span);
  }
  for (const auto& [track, inside] : open) BOOST_TEST(inside.empty());
  return out;
}

std::vector<const Span*> named(const std::vector<Span>& spans, std::string_view category, std::string_view name) {
  std::vector<const Span*> out;
  for (const Span& span : spans)
    if (span.category == category && (name.empty() || span.name == name)) out.push_back(&span);
  return out;
}

// LeNet or another on noise, with batches large enough for the clock.
struct Training {
  explicit Training(const char* name, std::int64_t batch)
      : image(std::string_view(name) == "lenet" ? Shape{28, 28, 1} : Shape{32, 32, 3}),
        train(TensorDataset(test::random(image.insert(0, 4 * batch), 3), labels(4 * batch), 10), {.batch = batch}),
        judged(TensorDataset(test::random(image.insert(0, batch), 4), labels(batch), 10),
               {.batch = batch, .shuffle = false}),
        model(make_model(name, {.image = image}, Rng(1))),
        optimizer(decay_weights_only(*model, decoupled_lr(1e-3)), {.lr = 0.01, .momentum = 0.9}),
        trainer(*model, optimizer, train, judged, {.epochs = 2}) {}
  static Tensor labels(std::int64_t count) {
    Tensor out({count}, DType::i64);
    for (std::int64_t i = 0; i < count; ++i) out.mutable_data<std::int64_t>()[i] = i % 10;
    return out;
  }
  Shape image;
  Loader train, judged;
  std::unique_ptr<Layer> model;
  Sgd optimizer;
  Trainer trainer;
};

BOOST_AUTO_TEST_SUITE(traces)

BOOST_AUTO_TEST_CASE(ops_nest_and_add_up_to_the_step) {
  for (const char* const name : {"lenet", "resnet8"}) {
    Training training(name, 32);
    TrainTrace trace(*training.model, training.train, 5);
    training.trainer.add(trace);
    training.trainer.run();
    const std::vector<Span> spans = spans_of(trace.json());
    const auto steps = named(spans, "step", "");
    BOOST_REQUIRE(steps.size() == 5U);
    std::vector<double> shares;
    for (const Span* const step : steps) {
      double sum = 0;
      std::set<std::string> phases;
      for (const Span& span : spans) {
        const bool inside = span.track == step->track && span.begin >= step->begin && span.end <= step->end;
        if (!inside || &span == step) continue;
        BOOST_TEST(span.end >= span.begin);
        if (span.leaf) sum += span.end - span.begin;
        if (span.category == "phase") phases.insert(span.name);
      }
      shares.push_back(sum / (step->end - step->begin));
      const std::set<std::string> wanted{"backward", "forward", "loader", "observers", "optimizer"};
      BOOST_TEST(phases == wanted, boost::test_tools::per_element());
    }
    // The median: another process may come between two spans of a step.
    std::ranges::sort(shares);
    BOOST_TEST(std::abs(shares[2] - 1) < 0.03, name << ' ' << shares[2]);
    BOOST_TEST(shares.back() <= 1 + 1e-6);
    // What is not within the recorded steps: the evaluations, and no ops.
    BOOST_TEST(named(spans, "phase", "evaluation").size() == 2U);
    BOOST_TEST(named(spans, "phase", "forward").size() == 5U);
    const auto forward = named(spans, "forward", ""), backward = named(spans, "backward", "");
    BOOST_TEST(forward.size() == backward.size());
    for (const Span* const op : forward) BOOST_TEST(op->bytes > 0);
  }
}

BOOST_AUTO_TEST_CASE(ops_bear_their_layer_and_bytes_both_ways) {
  Training training("lenet", 8);
  TrainTrace trace(*training.model, training.train, 1);
  training.trainer.add(trace);
  training.trainer.run();
  const std::vector<Span> spans = spans_of(trace.json());
  std::map<std::string, std::int64_t> forward;
  for (const Span* const op : named(spans, "forward", "conv2d")) forward[op->layer] = op->bytes;
  BOOST_TEST(forward.size() == 2U);
  BOOST_TEST(forward["conv1"] == 4 * 8 * 28 * 28 * 6);
  BOOST_TEST(forward["conv2"] == 4 * 8 * 10 * 10 * 16);
  std::map<std::string, std::int64_t> backward;
  for (const Span* const op : named(spans, "backward", "conv2d")) backward[op->layer] = op->bytes;
  BOOST_TEST(backward["conv1"] == 4 * (25 * 6 + 6));  // the images want no gradient
  BOOST_TEST(backward["conv2"] == 4 * (8 * 14 * 14 * 6 + 25 * 6 * 16 + 16));
  BOOST_TEST(named(spans, "layer", "conv1").size() == 1U);
}

// Layers that are computed in one pass with their neighbours keep their names.
BOOST_AUTO_TEST_CASE(merged_layers_are_told_apart) {
  SmallTraining training({.epochs = 1});
  TrainTrace trace(training.model, training.train, 1);
  training.trainer.add(trace);
  training.trainer.run();
  const std::vector<Span> spans = spans_of(trace.json());
  BOOST_REQUIRE(named(spans, "forward", "batch_norm_relu").size() == 1U);  // merged, as without a trace
  BOOST_TEST(named(spans, "forward", "batch_norm_relu")[0]->layer == "bn");
  BOOST_TEST(named(spans, "backward", "batch_norm_relu")[0]->layer == "bn");
  BOOST_TEST(named(spans, "forward", "conv2d")[0]->layer == "conv");
  BOOST_TEST(named(spans, "backward", "conv2d")[0]->layer == "conv");
}

BOOST_AUTO_TEST_CASE(a_trace_changes_no_bit) {
  const auto weights = [](bool traced, std::int64_t prefetch) {
    SmallTraining training({.epochs = 3}, {}, {.prefetch = prefetch});
    std::optional<TrainTrace> trace;
    if (traced) training.trainer.add(trace.emplace(training.model, training.train, 9));
    training.trainer.run();
    return sha256(training.trainer.save_state().tensors);
  };
  BOOST_TEST(weights(true, 2) == weights(false, 2));
  BOOST_TEST(weights(true, 0) == weights(false, 2));
}

BOOST_AUTO_TEST_CASE(the_loader_has_a_track_of_its_own) {
  for (const std::int64_t prefetch : {0, 2}) {
    SmallTraining training({.epochs = 1}, {}, {.prefetch = prefetch});
    TrainTrace trace(training.model, training.train, 3);
    training.trainer.add(trace);
    training.trainer.run();
    const std::vector<Span> spans = spans_of(trace.json());
    const auto batches = named(spans, "loader", "");
    BOOST_REQUIRE(batches.size() >= 3U);
    BOOST_TEST(batches.size() <= 6U);
    const int main = named(spans, "step", "")[0]->track;
    for (const Span* const batch : batches) {
      BOOST_TEST((batch->track == main) == (prefetch == 0));
      BOOST_TEST(batch->bytes == 4 * 10 * 36);
    }
  }
}

// A training that ends in the middle of a step, and a trace that ends before it.
BOOST_AUTO_TEST_CASE(what_is_cut_off_still_nests) {
  struct Thrower : TrainObserver {
    void on_gradients(const Trainer&, const StepResult& step) override {
      if (step.step == 2) fail("observer", "enough", "no more");
    }
  } thrower;
  SmallTraining training({.epochs = 1});
  {
    TrainTrace trace(training.model, training.train, 20);
    training.trainer.add(trace);
    training.trainer.add(thrower);
    BOOST_CHECK_THROW(training.trainer.run(), Error);
    BOOST_TEST(named(spans_of(trace.json()), "step", "").size() == 2U);
  }
  BOOST_TEST(detail::op_observer == nullptr);
  BOOST_TEST(detail::place_observer == nullptr);
}

// Who looks on for a while leaves the place to the one before.
BOOST_AUTO_TEST_CASE(observers_give_their_place_back) {
  struct Idle : detail::CallObserver {
    void enter(Layer&, const Var&) override { ++calls; }
    void leave(Layer&, const Var&, const Var&) override {}
    int calls = 0;
  } idle;
  SmallTraining training;
  {
    const detail::Observing<detail::CallObserver> observing(detail::call_observer, &idle);
    summary(training.model, {2, 6, 6, 1});
    BOOST_TEST(idle.calls == 0);
    BOOST_TEST(detail::call_observer == &idle);
    training.model(test::random({2, 6, 6, 1}, 1));
    BOOST_TEST(idle.calls == 7);
  }
  BOOST_TEST(detail::call_observer == nullptr);
}

BOOST_AUTO_TEST_CASE(traces_are_bounded) {
  TraceEvents events(9);
  const auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    events.begin("outer", {.category = "phase"}, now);
    events.begin("\"quoted\"\n\xff", {.category = "forward", .layer = "a\\b"}, now);
    events.end(now);
    events.end(now);
  }
  events.begin("open", {.category = "phase"}, now);
  const std::vector<Span> spans = spans_of(events.json());
  BOOST_TEST(spans.size() == 4U);
  BOOST_TEST(Json::parse(events.json()).at("otherData").at("spans_left_out") == 97);
  SmallTraining training;
  BOOST_TEST(test::fails_with({"0 steps", "1 to 1000"}, [&] { TrainTrace(training.model, training.train, 0); }));
  BOOST_TEST(test::fails_with({"1001 steps"}, [&] { TrainTrace(training.model, training.train, 1001); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::trace_test
