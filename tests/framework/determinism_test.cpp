// Same seed, same bits: the weights of whole trainings do not depend on the number of threads, on the load of the
// machine, or on the backend of the parallel loops.
//
// EBB_DETERMINISM_FILE=FILE makes the program write a line "instruction set, training, SHA-256" for each of them, for
// tests/compare_backends.sh.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "framework/compute/basic.h"
#include "framework/io/checksum.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "models/lenet.h"
#include "optim/sgd.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

constexpr int steps = test::instrumented ? 4 : 100;

constexpr std::int64_t batch = 16;

// What a training leaves.
struct Outcome {
  std::string hash;   // SHA-256 of parameters and buffers
  double loss = 0.0;  // of the last step
  int threads = 0;    // distinct threads that ran blocks
};

bool operator==(const Outcome& a, const Outcome& b) { return a.hash == b.hash && a.loss == b.loss; }

Outcome train(Layer& model, const Shape& image, int threads) {
  parallel::set_thread_count(threads);
  parallel::reset_threads_seen();
  const Rng rng(7);
  Sgd optimizer(decay_weights_only(model, coupled_l2(5e-4)), {.lr = 0.02, .momentum = 0.9});
  Tensor images(image.insert(0, batch));
  Tensor labels(Shape{batch}, DType::i64);
  Outcome outcome;
  for (int step = 0; step < steps; ++step) {
    const Rng draw = rng.at(static_cast<std::uint64_t>(step));
    fill_normal(images, draw.at("images"), 0.0, 1.0);
    for (std::int64_t i = 0; i < batch; ++i) {
      labels.mutable_data<std::int64_t>()[i] =
          static_cast<std::int64_t>(draw.at("labels").below(10, static_cast<std::uint64_t>(i)));
    }
    Tape tape;
    const Var loss = softmax_cross_entropy(model(images), labels);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    outcome.loss = loss.item();
  }
  outcome.hash = sha256(model.state());
  outcome.threads = parallel::threads_seen();
  return outcome;
}

Outcome train_lenet(int threads) {
  LeNet model{Rng(1)};
  return train(model, {28, 28, 1}, threads);
}

Outcome train_norm_and_dropout(int threads) {
  Sequential model{Rng(1)};
  model.add<Conv2d>("conv1", {.in = 3, .out = 16, .padding = {1, 1}, .bias = false});
  model.add<BatchNorm2d>("bn1", {.channels = 16});
  model.add<ReLU>("relu1");
  model.add<Dropout>("dropout", {.p = 0.25});
  model.add<Conv2d>("conv2", {.in = 16, .out = 24, .stride = {2, 2}, .padding = {1, 1}, .bias = false});
  model.add<BatchNorm2d>("bn2", {.channels = 24});
  model.add<ReLU>("relu2");
  model.add<GlobalAvgPool2d>("pool");
  model.add<Linear>("fc", {.in = 24, .out = 10});
  return train(model, {16, 16, 3}, threads);
}

// Keeps one core busy while it lives.
class Load {
 public:
  Load()
      : thread_([this] {
          while (!stop_.load(std::memory_order_relaxed)) {
          }
        }) {}
  ~Load() {
    stop_ = true;
    thread_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void check(const std::string& what, const std::function<Outcome(int)>& training) {
  const test::Threads restore(1);
  const char* const file = std::getenv("EBB_DETERMINISM_FILE");
  for (const std::string& set : instruction_sets()) {
    const test::InstructionSet use(set);
    const Outcome alone = training(1);
    BOOST_TEST(alone.threads == 1);
    BOOST_TEST(std::isfinite(alone.loss));
    BOOST_TEST_MESSAGE(what << " on " << set << ": loss " << alone.loss << ", " << alone.hash);
    if (file != nullptr) std::ofstream(file, std::ios::app) << set << " " << what << " " << alone.hash << "\n";
    for (const int threads : {2, 3, 4, 8}) {
      // Workers join when the system wakes them, on a loaded machine perhaps after a whole training, and where there
      // are more of them than cores, others have done their part by then.
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      Outcome together = training(threads);
      while (together == alone && together.threads < 2 && std::chrono::steady_clock::now() < patience)
        together = training(threads);
      BOOST_TEST(together.threads >= 2);
      BOOST_TEST(together.threads <= threads);
      BOOST_TEST((together == alone), what << " on " << set << " with " << threads << " threads ended in "
                                           << together.hash << ", loss " << together.loss << "; alone in " << alone.hash
                                           << ", loss " << alone.loss);
    }
    const Load load;
    const Outcome busy = training(2);
    BOOST_TEST((busy == alone), what << " on " << set << " on a busy machine ended in " << busy.hash);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(determinism)

BOOST_AUTO_TEST_CASE(lenet) { check("lenet", train_lenet); }

BOOST_AUTO_TEST_CASE(norm_and_dropout) { check("norm_and_dropout", train_norm_and_dropout); }

BOOST_AUTO_TEST_CASE(another_seed_gives_other_weights) {
  LeNet a{Rng(1)};
  LeNet b{Rng(2)};
  BOOST_TEST(sha256(a.state()) != sha256(b.state()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb
