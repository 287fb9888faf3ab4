// Outputs of batch norm with ReLU that the convolution behind it makes again instead of keeping them.
#include <boost/test/unit_test.hpp>

#include "framework/ops/activation.h"
#include "framework/ops/convolution.h"
#include "framework/ops/normalization.h"
#include "framework/tensor/memory.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace test;

struct Gradients {
  Tensor x, scale, weight;
  std::uint64_t peak = 0;  // bytes of tensors after forward, above those at the start
};

// conv2d(relu(batch_norm(x))), with the ReLU in batch_norm, whose output can be made again, or behind it.
Gradients gradients(std::int64_t channels, DType dtype, bool fused, bool edit = false) {
  const Shape shape{8, 16, 16, channels};
  const Tensor images = random(shape, 1, -1, 1, dtype), filters = random({3, 3, channels, 16}, 2, -1, 1, dtype),
               gain = random({channels}, 3, 0.5, 1.5, dtype), shift = random({channels}, 4, -1, 1, dtype),
               dy = random({8, 16, 16, 16}, 5, -1, 1, dtype);
  BatchNormState state;
  state.running_mean = Tensor::zeros({channels}, dtype);
  state.running_variance = Tensor::full({channels}, 1, dtype);
  const std::uint64_t before = memory::stats().live_bytes;
  Tape tape;
  const Var x = tape.input(images), scale = tape.input(gain), weight = tape.input(filters);
  const auto forward = [&] {
    Var y = batch_norm(x, scale, shift, state, {.activation = fused ? Activation::relu : Activation::none});
    BOOST_TEST((y.recompute().make != nullptr) == (fused && channels >= 64));
    if (!fused) y = relu(y);
    if (edit) Tensor(y.value()).mutable_span<float>()[0] = 100;
    return conv2d(y, weight, {}, {.padding = {1, 1}});
  };
  const Var out = forward();
  const std::uint64_t held = memory::stats().live_bytes - before;
  tape.backward(out, dy);
  return {tape.gradient(x), tape.gradient(scale), tape.gradient(weight), held};
}

BOOST_AUTO_TEST_SUITE(values_that_are_made_again)

BOOST_AUTO_TEST_CASE(gradients_are_the_same_and_memory_is_less) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t channels : {16, 64, 80}) {
      const Gradients again = gradients(channels, dtype, true), kept = gradients(channels, dtype, false);
      BOOST_TEST(same_bits(again.x, kept.x));
      BOOST_TEST(same_bits(again.scale, kept.scale));
      BOOST_TEST(same_bits(again.weight, kept.weight));
      const auto bytes = static_cast<std::uint64_t>(8 * 16 * 16 * channels) * size_of(dtype);
      if (channels >= 64) BOOST_TEST(again.peak + bytes / 2 < kept.peak);
    }
}

BOOST_AUTO_TEST_CASE(edited_values_are_kept) {
  // The convolution saw the edited number, and so must its weight's gradient.
  const Gradients edited = gradients(64, DType::f32, true, true), plain = gradients(64, DType::f32, true);
  BOOST_TEST(!close(edited.weight, plain.weight, 1e-2));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
