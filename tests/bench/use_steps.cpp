// Processor time of a network in use and of a trace that nobody asked for, in turns with what they are compared with:
//   use_steps predict MODEL ROUNDS [THREADS] [SECONDS of a turn]
//   use_steps trace MODEL BATCH ROUNDS [THREADS] [SECONDS of a turn]
//
// A line of JSON for each round. `predict`: one picture through a plain forward pass in eval mode and through a
// Predictor, each for the first time and later on. `trace`: steps of a training without a trace, of the same training
// beside itself, and with a trace whose steps are over; and how often a step asks whether someone looks on, and how
// long such a question takes. Within a round single calls alternate, so that all see the same memory and the same other
// guests of the machine.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/autograd/observing.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/observers.h"
#include "framework/parallel/parallel.h"
#include "lab/setup/build.h"
#include "lab/training/evaluation.h"
#include "lab/training/train_trace.h"
#include "lab/training/trainer.h"
#include "lab/use/predictor.h"
#include "tests/bench/work.h"

using namespace ebb;

namespace {

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Call>
double seconds_of(const Call& call) {
  const double start = processor_seconds();
  call();
  return processor_seconds() - start;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// How many calls of some seconds fill a turn: an even number.
std::int64_t calls_in(double turn, double seconds) {
  return 2 * std::max<std::int64_t>(1, static_cast<std::int64_t>(turn / std::max(1e-7, 2 * seconds)));
}

struct Arguments {
  std::string model;
  std::int64_t batch = 1;
  int rounds = 1;
  double turn = 0.1;
};

// A file of weights as a training leaves it, removed at the end.
struct ModelFile {
  explicit ModelFile(const std::string& name)
      : path(std::filesystem::temp_directory_path() / text("use_steps-", getpid(), ".safetensors")) {
    const Work work = make_work(name, 1);
    ModelCard card{.image = work.input.without(0)};
    apply_settings(card.model, {"model=" + name});
    for (int c = 0; c < 10; ++c) card.classes.push_back(text(c));
    const auto channels = static_cast<std::size_t>((*card.image)[2]);
    card.standardisation = PixelStatistics{std::vector<double>(channels, 0.5), std::vector<double>(channels, 0.25)};
    save_safetensors(path, make_model(card.model, *card.image, 10)->state(), to_metadata(card));
  }
  ~ModelFile() { std::filesystem::remove(path); }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  std::filesystem::path path;
};

// What an evaluation does with a batch of one.
void plain(Predictor& network, const Tensor& pixels) { view_logits(network.model(), network.standardised(pixels)); }

void measure_predictions(const Arguments& a) {
  const ModelFile file(a.model);
  Predictor predictor(file.path);
  Tensor pixels(predictor.image().insert(0, 1), DType::u8);
  std::uint32_t number = 0;
  for (std::uint8_t& pixel : pixels.mutable_span<std::uint8_t>())
    pixel = static_cast<std::uint8_t>(Rng(1).below(256, number++));
  const double prepare_s = seconds_of([&] {
    predictor.logits(pixels);
    predictor.logits(pixels);
  });
  double call = prepare_s;
  for (int i = 0; i < 5; ++i) call = std::min(call, seconds_of([&] { plain(predictor, pixels); }));
  const std::int64_t pairs = calls_in(a.turn, call);
  for (int round = 0; round < a.rounds; ++round) {
    std::array<std::vector<double>, 2> later;
    for (std::int64_t i = 0; i < 2 * pairs; ++i) {
      const auto arm = static_cast<std::size_t>((i + i / 2) % 2);
      later[arm].push_back(
          seconds_of([&] { arm == 0 ? plain(predictor, pixels) : static_cast<void>(predictor.logits(pixels)); }));
    }
    // Networks that were just read, each with memory of its own.
    std::array<double, 2> first{};
    double second = 0;
    for (const int i : {0, 1}) {
      const auto arm = static_cast<std::size_t>((round + i) % 2);
      Predictor fresh(file.path);
      first[arm] = seconds_of([&] { arm == 0 ? plain(fresh, pixels) : static_cast<void>(fresh.logits(pixels)); });
      if (arm == 1) second = seconds_of([&] { fresh.logits(pixels); });
    }
    std::printf(
        "{\"model\": \"%s\", \"plain_s\": %.9g, \"later_s\": %.9g, \"first_plain_s\": %.9g, \"first_s\": %.9g, "
        "\"second_s\": %.9g}\n",
        a.model.c_str(), median(later[0]), median(later[1]), first[0], first[1], second);
    std::fflush(stdout);
  }
}

// Counts where a step asks whether someone looks on.
struct Counter : TrainObserver, detail::OpObserver, detail::PlaceObserver {
  void forward(const char*, std::size_t, std::span<const Var>, const Tensor&) override { ++ops; }
  void backward(const char*, std::size_t node, const Tensor&) override {
    nodes += node == last ? 0 : 1;
    last = node;
  }
  void enter(const Module&) override { ++places; }
  void leave(const Module&) noexcept override {}
  void on_phase(const Trainer&, TrainPhase) override { ++phases; }
  std::int64_t ops = 0, nodes = 0, places = 0, phases = 0;
  std::size_t last = ~std::size_t{0};
};

// A module that begins and ends, and the tests of an op and of a layer, with nobody there; the loop included.
double check_seconds(const Module& module) {
  constexpr int count = 1'000'000;
  std::vector<double> tries;
  for (int i = 0; i < 9; ++i)
    tries.push_back(seconds_of([&] {
      for (int k = 0; k < count; ++k) {
        const detail::Place place(module);
        asm volatile("" ::: "memory");
        if (detail::op_observer != nullptr) std::abort();
        asm volatile("" ::: "memory");
        if (detail::call_observer != nullptr) std::abort();
        asm volatile("" ::: "memory");
      }
    }));
  return median(tries) / count;
}

// A phase that three observers are told of that want to know nothing, as a training of the program has.
double phase_seconds(Trainer& trainer) {
  constexpr int count = 100'000;
  std::vector<double> tries;
  for (int i = 0; i < 9; ++i)
    tries.push_back(seconds_of([&] {
      for (int k = 0; k < count; ++k) trainer.enter(TrainPhase::none);
    }));
  return median(tries) / count;
}

void measure_traces(const Arguments& a) {
  const Work work = make_work(a.model, a.batch);
  // Any other rate would soon fit the one batch.
  Sgd optimizer(*work.model, {.lr = 0, .momentum = 0.9, .decay = coupled_l2(1e-4)});
  constexpr std::int64_t count = 16;  // batches of an epoch
  Tensor images(work.input.with(0, count * a.batch)), labels = Tensor::zeros({count * a.batch}, DType::i64);
  fill_normal(images, Rng(2), 0, 1);
  const TensorDataset data(images, labels, 10);
  const TrainerOptions endless{.epochs = std::int64_t{1} << 40, .evaluate_every = std::int64_t{1} << 40};
  const Loader batches(data, {.batch = a.batch, .shuffle = false, .prefetch = 0});
  Loader traced_batches = batches, counted_batches = batches;
  Trainer none(*work.model, optimizer, batches, batches, endless),
      again(*work.model, optimizer, batches, batches, endless);
  Trainer over(*work.model, optimizer, traced_batches, batches, endless);
  Trainer counted(*work.model, optimizer, counted_batches, batches, endless);
  TrainTrace trace(*work.model, traced_batches, 1);
  over.add(trace);

  Counter counter;
  counted.step();  // what happens only once
  counted.add(counter);
  {
    const detail::Observing<detail::OpObserver> ops(detail::op_observer, &counter);
    const detail::Observing<detail::PlaceObserver> places(detail::place_observer, &counter);
    counted.step();
  }
  const double check_s = check_seconds(*work.model);
  std::array<TrainObserver, 3> idle;
  Trainer watched(*work.model, optimizer, batches, batches, endless);
  for (TrainObserver& observer : idle) watched.add(observer);
  const double phase_s = phase_seconds(watched);
  // An op asks when it begins, when it is recorded and when it says how it is repeated, a rule on the way back once.
  const std::int64_t checks = 3 * counter.ops + counter.nodes + counter.places;

  const std::array<Trainer*, 3> arms{&none, &again, &over};
  for (int i = 0; i < 3; ++i)
    for (Trainer* const trainer : arms) trainer->step();
  const std::int64_t turns = calls_in(a.turn, seconds_of([&] { none.step(); }));
  for (int round = 0; round < a.rounds; ++round) {
    std::array<std::vector<double>, 3> seconds;
    for (std::int64_t i = 0; i < turns; ++i)
      for (std::size_t k = 0; k < 3; ++k) {
        // Each order as often as its mirror image.
        const std::size_t from = static_cast<std::size_t>(i / 2 + round) % 3;
        const std::size_t arm = (from + (i % 2 == 0 ? k : 2 - k)) % 3;
        seconds[arm].push_back(seconds_of([&] { arms[arm]->step(); }));
      }
    std::printf(
        "{\"model\": \"%s\", \"batch\": %lld, \"none_s\": %.9g, \"again_s\": %.9g, \"over_s\": %.9g, \"checks\": %lld, "
        "\"check_s\": %.4g, \"phases\": %lld, \"phase_s\": %.4g}\n",
        a.model.c_str(), static_cast<long long>(a.batch), median(seconds[0]), median(seconds[1]), median(seconds[2]),
        static_cast<long long>(checks), check_s, static_cast<long long>(counter.phases), phase_s);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool predict = argc > 3 && std::strcmp(argv[1], "predict") == 0;
  const bool trace = argc > 4 && std::strcmp(argv[1], "trace") == 0;
  if (!predict && !trace) {
    std::fprintf(stderr,
                 "use_steps predict MODEL ROUNDS [THREADS] [SECONDS]\n"
                 "use_steps trace MODEL BATCH ROUNDS [THREADS] [SECONDS]\n");
    return 2;
  }
  const int at = trace ? 4 : 3;  // of the rounds
  const Arguments arguments{.model = argv[2],
                            .batch = trace ? std::max(1, std::atoi(argv[3])) : 1,
                            .rounds = std::max(1, std::atoi(argv[at])),
                            .turn = argc > at + 2 ? std::atof(argv[at + 2]) : 0.1};
  parallel::set_thread_count(argc > at + 1 ? std::max(1, std::atoi(argv[at + 1])) : 1);
  trace ? measure_traces(arguments) : measure_predictions(arguments);
}
