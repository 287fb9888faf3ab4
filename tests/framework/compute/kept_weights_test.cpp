// Convolutions that keep the transforms of their weights give the same bits, and see every edit.
#include "framework/compute/kept_weights.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "framework/compute/convolution.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

using detail::KeptWeights;

// Enough tiles that all weights are transformed before the first product.
ConvolutionShape layer(std::int64_t in = 24, std::int64_t out = 40, Winograd method = Winograd::f4) {
  return {.images = 16,
          .in = in,
          .out = out,
          .input = {15, 15},
          .output = {15, 15},
          .kernel = {3, 3},
          .padding = {1, 1},
          .winograd = method};
}

struct Passes {
  Tensor forward, backward;
};

Passes passes(const Tensor& weight, const ConvolutionShape& s) {
  const Tensor x = random(s.input_shape(), 5), dy = random(s.output_shape(), 6);
  return {convolution(x, weight, {}, s), convolution_input_gradient(dy, weight, {}, s)};
}

void require_equal(const Passes& a, const Passes& b) {
  BOOST_TEST(same_bits(a.forward, b.forward));
  BOOST_TEST(same_bits(a.backward, b.backward));
}

BOOST_AUTO_TEST_SUITE(kept_weights)

BOOST_AUTO_TEST_CASE(give_the_same_bits_in_every_pass) {
  for (const Winograd method : {Winograd::f2, Winograd::f4}) {
    const ConvolutionShape s = layer(24, 40, method);
    const Tensor weight = random(s.weight_shape(), 11);
    const Passes plain = passes(weight, s);
    const KeptWeights kept({weight});
    for (int shard = 0; shard < 3; ++shard) require_equal(passes(weight, s), plain);
  }
}

// Two methods of one weight, both directions, and its numbers read as a transposed convolution does: all transforms of
// a method are of one size here.
BOOST_AUTO_TEST_CASE(are_not_mistaken_for_each_other) {
  const ConvolutionShape wide = layer(32, 32, Winograd::f4), small = layer(32, 32, Winograd::f2);
  ConvolutionShape turned = wide;
  turned.weight_out_first = true;
  const Tensor weight = random(wide.weight_shape(), 12);
  const Passes of_wide = passes(weight, wide), of_small = passes(weight, small), of_turned = passes(weight, turned);
  BOOST_TEST(!same_bits(of_wide.forward, of_turned.forward));
  const KeptWeights kept({weight});
  for (int shard = 0; shard < 2; ++shard) {
    require_equal(passes(weight, wide), of_wide);
    require_equal(passes(weight, small), of_small);
    require_equal(passes(weight, turned), of_turned);
  }
}

BOOST_AUTO_TEST_CASE(are_made_anew_when_the_weights_were_edited) {
  const ConvolutionShape s = layer();
  Tensor weight = random(s.weight_shape(), 13);
  const KeptWeights kept({weight});
  const Passes before = passes(weight, s);
  weight.mutable_data<float>()[7] += 1;
  const Passes after = passes(weight, s);
  BOOST_TEST(!same_bits(before.forward, after.forward));
  require_equal(after, passes(weight.clone(), s));  // which nobody keeps
}

BOOST_AUTO_TEST_CASE(are_made_once_for_each_use_while_somebody_keeps_them) {
  const Tensor weight = random({3, 3, 2, 2}, 14), other = random({3, 3, 2, 2}, 15);
  int made = 0;
  const auto take = [&](const Tensor& of, int kind) {
    return KeptWeights::take(of, kind, 10, [&](float* out) { std::fill_n(out, 10, static_cast<float>(++made)); });
  };
  BOOST_TEST(take(weight, 1) == nullptr);
  {
    const KeptWeights kept({weight});
    for (int shard = 0; shard < 3; ++shard) {
      BOOST_TEST(take(weight, 1)[9] == 1);
      BOOST_TEST(take(weight, 2)[9] == 2);
      BOOST_TEST(take(other, 1) == nullptr);
    }
    const KeptWeights inner({other});
    BOOST_TEST(take(other, 1)[0] == 3);
    BOOST_TEST(take(weight, 1) == nullptr);
  }
  BOOST_TEST(take(weight, 1) == nullptr);
  BOOST_TEST(made == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::test
