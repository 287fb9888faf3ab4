// In inference what comes of an image does not depend on what else is in its batch.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "framework/compute/convolution.h"
#include "framework/compute/gemm.h"
#include "framework/compute/winograd_choice.h"
#include "framework/nn/prepare.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"
#include "tests/support/zoo.h"

namespace ebb::test {
namespace {

// The largest Winograd tile for a scope, as EBB_WINOGRAD sets it.
class WinogradLimit {
 public:
  explicit WinogradLimit(Winograd limit) : before_(detail::winograd_limit()) { detail::set_winograd_limit(limit); }
  ~WinogradLimit() { detail::set_winograd_limit(before_); }
  WinogradLimit(const WinogradLimit&) = delete;
  WinogradLimit& operator=(const WinogradLimit&) = delete;

 private:
  Winograd before_;
};

// The first `count` images, or the last ones.
Tensor some(const Tensor& images, std::int64_t count, bool last) {
  Tensor out(images.shape().with(0, count), images.dtype());
  const std::int64_t image = images.size() / images.dim(0);
  std::copy_n(images.data<float>() + (last ? images.dim(0) - count : 0) * image, count * image,
              out.mutable_data<float>());
  return out;
}

// Numbers of `rows` whose bits are not those of the first, or last, rows of `all`.
std::int64_t different(const Tensor& rows, const Tensor& all, bool last) {
  const float* const want = all.data<float>() + (last ? all.size() - rows.size() : 0);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < rows.size(); ++i) count += std::memcmp(rows.data<float>() + i, want + i, 4) != 0 ? 1 : 0;
  return count;
}

struct Sizes {
  std::vector<std::int64_t> batches;
  std::int64_t most;
  std::vector<int> threads;
};

// Every batch begins with the first images of the largest one, or ends with its last ones.
void check(const std::string& name, const Sizes& sizes) {
  const auto model = zoo_model(name);
  Tensor all(zoo_image(name).insert(0, sizes.most));
  fill_normal(all, Rng(5), 0, 1);
  for (const std::string& set : instruction_sets()) {
    const InstructionSet use(set);
    for (const Winograd limit : {Winograd::f4, Winograd::f2, Winograd::off}) {
      const WinogradLimit at_most(limit);
      Tensor want;
      for (const int threads : sizes.threads) {
        const Threads run(threads);
        if (!want.defined()) want = (*model)(all).value();
        for (const std::int64_t batch : sizes.batches)
          for (const bool last : {false, true})
            BOOST_TEST(different((*model)(some(all, batch, last)).value(), want, last) == 0,
                       name << ", " << set << ", Winograd " << static_cast<int>(limit) << ", " << threads
                            << " threads, batch " << batch << (last ? " at the end" : ""));
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_invariance)

BOOST_AUTO_TEST_CASE(logits_of_an_image_do_not_depend_on_its_batch) {
  for (const char* const name : {"lenet", "linear", "mlp", "resnet8"}) check(name, {{1, 3}, 17, {1, 3}});
}

// Layers whose best method, and products whose best cut, is another one for a single image than for many.
BOOST_AUTO_TEST_CASE(an_image_passes_a_layer_forwards_and_backwards_with_the_same_bits_in_any_batch) {
  constexpr std::int64_t most = 64;
  ConvolutionShape deep{.images = most, .in = 96, .out = 80, .input = {4, 4}, .output = {4, 4}, .kernel = {3, 3}};
  deep.padding = {1, 1};
  ConvolutionShape pixels{.images = most, .in = 2200, .out = 40, .input = {2, 2}, .output = {2, 2}, .kernel = {1, 1}};
  for (const std::string& set : instruction_sets()) {
    const InstructionSet use(set);
    const Threads threads(2);
    for (ConvolutionShape shape : {deep, pixels}) {
      const Tensor x = random(shape.input_shape(), 1), dy = random(shape.output_shape(), 2),
                   w = random(shape.weight_shape(), 3), bias = random({shape.out}, 4);
      const Tensor y = convolution(x, w, bias, shape), dx = convolution_input_gradient(dy, w, {}, shape);
      for (const std::int64_t batch : {1, 2, 5, 33}) {
        shape.images = batch;
        for (const bool last : {false, true}) {
          BOOST_TEST(different(convolution(some(x, batch, last), w, bias, shape), y, last) == 0, set << ' ' << batch);
          BOOST_TEST(different(convolution_input_gradient(some(dy, batch, last), w, {}, shape), dx, last) == 0);
        }
      }
    }
    const Tensor a = random({most, 2300}, 1), b = random({2300, 72}, 2), bias = random({72}, 3);
    const Tensor c = matmul(a, false, b, false, bias);
    for (const std::int64_t rows : {1, 2, 5, 33})
      for (const bool last : {false, true})
        BOOST_TEST(different(matmul(some(a, rows, last), false, b, false, bias), c, last) == 0, set << ' ' << rows);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batch_invariance_slow)

BOOST_AUTO_TEST_CASE(every_model_of_the_registry) {
  if (instrumented) return;
  std::vector<std::string> names = model_names();
  for (const char* const family : {"resnet20", "preresnet20", "wrn-16-4"})
    if (std::ranges::find(names, family) == names.end()) names.emplace_back(family);
  for (const std::string& name : names) {
    const std::int64_t size = zoo_model(name)->parameter_count();
    if (size < 400'000) check(name, {{1, 2, 3, 4, 8, 16, 63}, 64, {1, 2, 3}});
    else if (size < 12'000'000) check(name, {{1, 3}, 8, {2}});
    else check(name, {{1}, 3, {2}});
  }
}

// On the instruction set at hand, as it is and as a Predictor prepares it.
BOOST_AUTO_TEST_CASE(every_model_in_every_batch) {
  if (instrumented) return;
  for (const std::string& name : model_names()) {
    const auto model = zoo_model(name);
    Tensor all(zoo_image(name).insert(0, 64));
    fill_normal(all, Rng(6), 0, 1);
    Tensor want;
    for (const int threads : {1, 2}) {
      const Threads run(threads);
      const Prepared network = prepare(*model, zoo_image(name), {.same_bits = true});
      BOOST_TEST(!network.describe().starts_with("ordinary"), name << ": " << network.describe());
      for (const std::int64_t batch : {64, 63, 16, 8, 4, 3, 2, 1}) {
        const Tensor images = some(all, batch, false), got = (*model)(images).value();
        if (!want.defined()) want = got;
        BOOST_TEST(different(got, want, false) == 0, name << ", " << threads << " threads, batch " << batch);
        BOOST_TEST(different(network(images), want, false) == 0,
                   name << " prepared, " << threads << " threads, batch " << batch);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(large_models_in_large_batches) {
  if (instrumented) return;
  for (const char* const name : {"resnet18", "vgg11bn"}) check(name, {{1, 2, 3, 4, 8, 16, 63}, 64, {2}});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
