// Prepared networks against ordinary forward passes in eval mode.
#include "framework/nn/prepare.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/embedding.h"
#include "framework/ops/pooling.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"
#include "tests/support/zoo.h"

namespace ebb::test {
namespace {

Tensor images_for(const std::string& model, std::int64_t count, DType dtype = DType::f32) {
  Tensor out(zoo_image(model).insert(0, count), dtype);
  fill_normal(out, Rng(5), 0, 1);
  return out;
}

// The first rows.
Tensor head(const Tensor& rows, std::int64_t count) {
  Tensor out(rows.shape().with(0, count), rows.dtype());
  std::memcpy(out.mutable_bytes().data(), rows.bytes().data(), out.bytes().size());
  return out;
}

void check(const std::string& name) {
  const auto model = zoo_model(name);
  const Tensor images = images_for(name, 9);
  for (const std::string& set : instruction_sets()) {
    const InstructionSet use(set);
    const Tensor want = (*model)(images).value();
    const Prepared network = prepare(*model, zoo_image(name));
    BOOST_TEST_CONTEXT(name << ' ' << set) {
      BOOST_TEST(!network.describe().starts_with("ordinary"), network.describe());
      const Tensor got = network(images);
      BOOST_TEST(close(got, want, 1e-5));
      for (const int threads : {1, 2, 3}) {
        const Threads run(threads);
        for (const std::int64_t batch : {1, 4, 9})
          BOOST_TEST(same_bits(network(head(images, batch)), head(got, batch)), threads << " threads, batch " << batch);
      }
    }
  }
  const auto exact = zoo_model(name, DType::f64);
  const Tensor images64 = images_for(name, 3, DType::f64);
  const Prepared network64 = prepare(*exact, zoo_image(name));
  BOOST_TEST(!network64.describe().starts_with("ordinary"), network64.describe());
  BOOST_TEST(close(network64(images64), (*exact)(images64).value(), 1e-12), name);
}

// A composite of a user: branches, a norm in front of its activation, a product of branches, a frozen filter.
class Gated : public Layer {
 public:
  explicit Gated(const Rng& rng)
      : first(*this, "first", {.in = 3, .out = 20, .padding = {1, 1}}, rng),
        norm(*this, "norm", {.channels = 20}),
        gate(*this, "gate", {.in = 20, .out = 20, .kernel = {1, 1}}, rng),
        strided(*this, "strided", {.in = 20, .out = 33, .stride = {2, 2}, .padding = {1, 1}}, rng),
        last(*this, "last", {.in = 33, .out = 5}, rng) {
    first->freeze();
  }
  Var forward(const Var& x) override {
    const Var y = first(x);
    const Var z = relu(norm(y)) * sigmoid(gate(y));
    return last(reshape(global_avg_pool2d(strided(z)), {z.dim(0), 33}));
  }
  Child<Conv2d> first;
  Child<BatchNorm2d> norm;
  Child<Conv2d> gate, strided;
  Child<Linear> last;
};

// An op that does not say how it is repeated.
class Doubled : public Layer {
 public:
  explicit Doubled(const Rng& rng) : conv(*this, "conv", {.in = 3, .out = 4}, rng) {}
  Var forward(const Var& x) override {
    const Var y = conv(x);
    Tensor twice = y.value().clone();
    for (float& v : twice.mutable_span<float>()) v *= 2;
    return record("doubled", {y}, twice, [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy); });
  }
  Child<Conv2d> conv;
};

// Steps that depend on the batch.
class Counting : public Layer {
 public:
  explicit Counting(const Rng& rng) : conv(*this, "conv", {.in = 3, .out = 4}, rng) {}
  Var forward(const Var& x) override {
    Var y = conv(x);
    for (std::int64_t i = 1; i < x.dim(0); ++i) y = y + y;
    return y;
  }
  Child<Conv2d> conv;
};

// Adds a row of a table to each image, by whether its mean is above a level: no op says so.
class Looking : public Layer {
 public:
  Looking(const Rng& rng, double level) : conv(*this, "conv", {.in = 3, .out = 4}, rng), level_(level) {}
  Var forward(const Var& x) override {
    Tensor rows({x.dim(0), 1, 1}, DType::i64);
    const std::int64_t size = x.value().size() / x.dim(0);
    for (std::int64_t i = 0; i < x.dim(0); ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < size; ++k) sum += x.value().data<float>()[size * i + k];
      rows.mutable_data<std::int64_t>()[i] = sum / static_cast<double>(size) > level_ ? 1 : 0;
    }
    return conv(x) + embedding(Var(random({2, 4}, 5)), rows);
  }
  Child<Conv2d> conv;

 private:
  double level_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(prepared)

BOOST_AUTO_TEST_CASE(equals_the_ordinary_forward_pass_on_any_batch_and_threads) {
  for (const char* const name : {"lenet", "mlp", "linear", "mnistcnn", "resnet8", "preresnet8", "wrn-10-1", "speednet"})
    if (!instrumented || std::string_view(name) == "resnet8" || std::string_view(name) == "lenet") check(name);
}

BOOST_AUTO_TEST_CASE(same_bits_are_those_of_the_ordinary_forward_pass) {
  for (const char* const name :
       {"lenet", "mlp", "mnistcnn", "resnet8", "preresnet8", "wrn-10-1", "speednet", "mobilenetv2", "vit"}) {
    if (instrumented && std::string_view(name) != "resnet8" && std::string_view(name) != "lenet") continue;
    for (const DType dtype : {DType::f32, DType::f64}) {
      const auto model = zoo_model(name, dtype);
      const Tensor images = images_for(name, 5, dtype);
      for (const std::string& set : instruction_sets()) {
        const InstructionSet use(set);
        const Tensor want = (*model)(images).value();
        const Prepared network = prepare(*model, zoo_image(name), {.same_bits = true});
        BOOST_TEST_CONTEXT(name << ' ' << set << ' ' << text(dtype)) {
          BOOST_TEST(!network.describe().starts_with("ordinary"), network.describe());
          for (const int threads : {1, 3}) {
            const Threads run(threads);
            for (const std::int64_t batch : {1, 5})
              BOOST_TEST(same_bits(network(head(images, batch)), head(want, batch)));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(norms_are_folded_and_methods_chosen) {
  const auto model = zoo_model("resnet8");
  const std::string steps = prepare(*model, {32, 32, 3}).describe();
  BOOST_TEST(steps.find("batch_norm") != std::string::npos);
  BOOST_TEST(steps.find("conv2d + batch_norm_relu: 3 -> 16, 3x3, direct") != std::string::npos, steps);
  BOOST_TEST(steps.find("F(") != std::string::npos, steps);
  BOOST_TEST(steps.find("\nbatch_norm") == std::string::npos, steps);
}

BOOST_AUTO_TEST_CASE(a_composite_of_a_user_is_prepared_without_a_line_of_its_own) {
  Gated model{Rng(1)};
  model.eval();
  fill_uniform(model.norm->running_mean->value(), Rng(2), -1, 1);
  fill_uniform(model.norm->running_variance->value(), Rng(3), 0.5, 2);
  const Prepared network = prepare(model, {12, 10, 3});
  BOOST_TEST(!network.describe().starts_with("ordinary"), network.describe());
  for (const std::int64_t batch : {1, 2, 7}) {
    const Tensor images = random({batch, 12, 10, 3}, 4);
    BOOST_TEST(close(network(images), model(images).value(), 1e-5));
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_repeated_runs_through_its_ordinary_forward) {
  Doubled doubled{Rng(1)};
  Counting counting{Rng(1)};
  for (Layer* const model : std::initializer_list<Layer*>{&doubled, &counting}) {
    const Prepared network = prepare(*model, {5, 6, 3});
    BOOST_TEST(network.describe().starts_with("ordinary forward: "), network.describe());
    for (const std::int64_t batch : {1, 3}) {
      const Tensor images = random({batch, 5, 6, 3}, 4);
      BOOST_TEST(same_bits(network(images), (*model)(images).value()));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_looks_at_the_images_beside_its_ops_runs_through_its_ordinary_forward) {
  for (const double level : {0.7, -0.7, 1.5, -1.5}) {
    Looking model(Rng(1), level);
    model.eval();
    for (const bool same : {false, true}) {
      const Prepared network = prepare(model, {5, 6, 3}, {.same_bits = same});
      BOOST_TEST(network.describe().starts_with("ordinary forward: its steps depend on the images"),
                 level << ' ' << network.describe());
      for (const double mean : {-3.0, -1.0, 1.0, 3.0}) {
        Tensor images({2, 5, 6, 3});
        fill_normal(images, Rng(8), mean, 0.1);
        BOOST_TEST(same_bits(network(images), model(images).value()), level << ' ' << mean);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(it_keeps_the_numbers_of_its_moment) {
  const auto model = zoo_model("preresnet8");
  const Tensor images = images_for("preresnet8", 2);
  const Prepared network = prepare(*model, {32, 32, 3});
  const Tensor before = network(images);
  for (const NamedParameter& p : model->named_parameters()) fill(p.parameter->value(), 0.5);
  for (const NamedBuffer& b : model->named_buffers())
    if (is_float(b.buffer->value().dtype())) fill(b.buffer->value(), 0.5);
  BOOST_TEST(same_bits(network(images), before));
  BOOST_TEST(!close((*model)(images).value(), before, 0.1));
}

BOOST_AUTO_TEST_CASE(threads_of_the_caller_share_one_network) {
  const auto model = zoo_model("lenet");
  const Prepared network = prepare(*model, {28, 28, 1});
  const Tensor images = images_for("lenet", 4);
  const Tensor want = network(images);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> callers;
  for (int& mine : wrong)
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const std::int64_t batch = 1 + i % 4;
        mine += same_bits(network(head(images, batch)), head(want, batch)) ? 0 : 1;
      }
    });
  for (std::thread& caller : callers) caller.join();
  for (const int mine : wrong) BOOST_TEST(mine == 0);
}

BOOST_AUTO_TEST_CASE(a_model_in_training_stays_there_and_other_images_are_refused) {
  const auto model = zoo_model("lenet");
  model->train();
  const Prepared network = prepare(*model, {28, 28, 1});
  BOOST_TEST(model->training());
  BOOST_TEST(network.bytes() >= 4 * model->parameter_count());
  BOOST_TEST(fails_with({"prepared network", "[28, 28, 1]"}, [&] { network(random({1, 28, 27, 1}, 1)); }));
  BOOST_TEST(fails_with({"prepared network", "f64"}, [&] { network(random({1, 28, 28, 1}, 1, -1, 1, DType::f64)); }));
  BOOST_TEST(fails_with({"prepare", "batch"}, [&] { prepare(*model, {28, 28, 1}, {.batch = 0}); }));
  const std::vector<std::string> sets = instruction_sets();
  if (sets.size() < 2) return;
  const InstructionSet other(sets.front() == instruction_set() ? sets.back() : sets.front());
  BOOST_TEST(fails_with({"instruction set"}, [&] { network(random({1, 28, 28, 1}, 1)); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(prepared_slow)

BOOST_AUTO_TEST_CASE(every_model_of_the_registry) {
  if (instrumented) return;
  for (const std::string& name : model_names())
    if (zoo_model(name)->parameter_count() < 12'000'000) check(name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
