// A training step in the steady state asks nobody for memory. This program replaces operator new by one that counts the
// calls of each thread.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <new>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/prepare.h"
#include "framework/nn/residual.h"
#include "framework/ops/loss.h"
#include "framework/tensor/memory.h"
#include "models/lenet.h"
#include "optim/groups.h"
#include "optim/sgd.h"
#include "optim/step_observer.h"
#include "tests/support/tensors.h"

namespace {
thread_local std::uint64_t news = 0;

void* counted(std::size_t size, std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
  ++news;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size == 0 ? 1 : size) != 0) throw std::bad_alloc();
  return memory;
}
}  // namespace

// Not inlined: g++ 12 would see free() of what a new gave, and take that for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted(size); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return counted(size); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t a) {
  return counted(size, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t a) {
  return counted(size, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace ebb {
namespace {

// Convolutions with fused and plain norms, a residual block with a projection, dropout, every kind of pooling.
class Deep : public Layer {
 public:
  explicit Deep(const Rng& rng) : net(*this, "net", rng) {
    net->add<Conv2d>({.in = 1, .out = 8, .padding = {1, 1}, .bias = false});
    net->add<BatchNorm2d>({.channels = 8});
    net->add<ReLU>();
    net->add<MaxPool2d>();
    auto& block = net->add<Residual>("block");
    block.main->add<Conv2d>({.in = 8, .out = 16, .stride = {2, 2}, .padding = {1, 1}});
    block.main->add<BatchNorm2d>({.channels = 16});
    block.shortcut->add<Conv2d>({.in = 8, .out = 16, .kernel = {1, 1}, .stride = {2, 2}});
    net->add<Dropout>({.p = 0.25});
    net->add<AvgPool2d>();
    net->add<GlobalAvgPool2d>();
    net->add<Linear>({.in = 16, .out = 32});
    net->add<BatchNorm1d>({.channels = 32});
    net->add<GELU>();
    net->add<Linear>({.in = 32, .out = 10});
  }
  Var forward(const Var& x) override { return net(x); }
  Child<Sequential> net;
};

struct Batch {
  Tensor images;
  Tensor labels;
};

Batch batch_of(std::int64_t size) {
  Batch batch{test::random({size, 28, 28, 1}, 1), Tensor({size}, DType::i64)};
  for (std::int64_t i = 0; i < size; ++i) batch.labels.mutable_data<std::int64_t>()[i] = i % 10;
  return batch;
}

// Was added to an optimizer, and does not look.
struct Bystander : StepObserver {
  bool wants(std::int64_t) override {
    ++asked;
    return false;
  }
  std::int64_t asked = 0;
};

void require_steady(Layer& model, StepObserver* observer = nullptr) {
  Sgd optimizer(model, {.lr = 0.01, .momentum = 0.9});
  if (observer != nullptr) optimizer.add(*observer);
  const Batch full = batch_of(32);
  const Batch last = batch_of(13);
  const auto step = [&](const Batch& batch) {
    Tape tape;
    const Var loss = softmax_cross_entropy(model(batch.images), batch.labels);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
  };
  const auto blocks = [] { return memory::stats().system_blocks; };
  for (int i = 0; i < 3; ++i) step(full);

  // A fixed batch asks for nothing.
  const std::uint64_t calls = news;
  const std::uint64_t before = blocks();
  for (int i = 0; i < 4; ++i) step(full);
  const std::uint64_t fixed = blocks() - before;

  // The first smaller batch lives in the blocks of the larger ones, but for a few small ones whose like are all in use.
  const std::uint64_t held = memory::stats().system_bytes;
  step(last);
  const std::uint64_t smaller = memory::stats().system_bytes - held;

  // From then on epochs of both ask for nothing.
  const std::uint64_t again = blocks();
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (int i = 0; i < 3; ++i) step(full);
    step(last);
  }
  const std::uint64_t epochs = blocks() - again;
  const std::uint64_t all_calls = news - calls;

  BOOST_TEST(all_calls == 0u);
  if (!memory::pooled()) return;
  BOOST_TEST(fixed == 0u);
  BOOST_TEST(smaller <= held / 100);
  BOOST_TEST(epochs == 0u);
}

BOOST_AUTO_TEST_SUITE(steady_state)

BOOST_AUTO_TEST_CASE(operator_new_is_counted) {
  const std::uint64_t before = news;
  delete new int(1);
  const std::string text(100, 'x');
  BOOST_TEST(news - before >= 1u);
}

BOOST_AUTO_TEST_CASE(a_prepared_network) {
  Deep model{Rng(1)};
  const Prepared network = prepare(model, {28, 28, 1});
  BOOST_TEST(!network.describe().starts_with("ordinary"), network.describe());
  const Tensor one = test::random({1, 28, 28, 1}, 1), several = test::random({5, 28, 28, 1}, 1);
  for (int i = 0; i < 2; ++i) network(one), network(several);
  const std::uint64_t calls = news, blocks = memory::stats().system_blocks;
  for (int i = 0; i < 5; ++i) network(one), network(several);
  BOOST_TEST(news - calls == 0u);
  if (memory::pooled()) BOOST_TEST(memory::stats().system_blocks == blocks);
}

BOOST_AUTO_TEST_CASE(lenet) {
  LeNet model{Rng(1)};
  require_steady(model);
}

BOOST_AUTO_TEST_CASE(lenet_beside_an_observer_that_does_not_look) {
  LeNet model{Rng(1)};
  Bystander bystander;
  require_steady(model, &bystander);
  BOOST_TEST(bystander.asked == 16);  // once in each step
}

BOOST_AUTO_TEST_CASE(convolutions_norms_and_dropout) {
  Deep model{Rng(1)};
  require_steady(model);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
