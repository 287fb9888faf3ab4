// Gradients with respect to images and Grad-CAM against PyTorch's, in f64.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/import_torch.h"
#include "lab/use/grad_cam.h"
#include "lab/use/saliency.h"
#include "models/lenet.h"
#include "tests/golden/golden_cases.h"
#include "tests/golden/training_models.h"
#include "tests/support/tensors.h"

namespace ebb::golden {
namespace {

// A network of the golden files with the images that PyTorch saw.
template <class Model>
struct Twin {
  explicit Twin(const std::string& name) : file(load_safetensors(golden_path("inside_" + name + ".safetensors"))) {
    model.to(DType::f64);
    import_torch(model, golden_path("torch_" + name + ".safetensors"));
    images =
        cast(load_safetensors(golden_path("torch_" + name + "_logits.safetensors")).tensors.at("images"), DType::f64);
    chosen = Tensor::full({images.dim(0)}, 3, DType::i64);
  }
  const Tensor& at(const char* name) const { return file.tensors.at(name); }

  TensorFile file;
  Model model{Rng(1)};
  Tensor images, chosen;
};

template <class Model>
void compare_gradients(const std::string& name) {
  Twin<Model> twin(name);
  BOOST_TEST(agrees(input_gradient(twin.model, twin.images), twin.at("gradient"), 1e-10), name);
  const Tensor chosen = input_gradient(twin.model, twin.images, twin.chosen);
  BOOST_TEST(agrees(chosen, twin.at("gradient_chosen"), 1e-10), name);
  // The largest absolute value over the channels.
  const Tensor strength = saliency(twin.model, twin.images, twin.chosen);
  const Tensor& wanted = twin.at("gradient_chosen");
  for (std::int64_t y = 0; y < wanted.dim(1); ++y)
    for (std::int64_t x = 0; x < wanted.dim(2); ++x) {
      double most = 0;
      for (std::int64_t c = 0; c < wanted.dim(3); ++c) most = std::max(most, std::abs(wanted.at({1, y, x, c})));
      BOOST_TEST(std::abs(strength.at({1, y, x}) - most) <= 1e-10 * max_abs(wanted));
    }
}

template <class Model>
void compare_cams(const std::string& name) {
  Twin<Model> twin(name);
  BOOST_TEST(agrees(grad_cam(twin.model, twin.images), twin.at("cam"), 1e-10), name);
  const Tensor first = grad_cam(twin.model, twin.images, {.layer = "conv1", .classes = twin.chosen});
  BOOST_TEST(agrees(first, twin.at("cam_chosen"), 1e-10), name);
}

BOOST_AUTO_TEST_SUITE(golden_inside)

BOOST_AUTO_TEST_CASE(gradients_of_logits_are_those_of_pytorch) {
  compare_gradients<LeNet>("lenet");
  compare_gradients<ConvNorm>("conv_norm");
}

BOOST_AUTO_TEST_CASE(grad_cam_is_that_of_pytorch) {
  compare_cams<LeNet>("lenet");
  compare_cams<ConvNorm>("conv_norm");
}

// Independent of any library: the slope of the logit along random directions, five points (error of order h^4).
BOOST_AUTO_TEST_CASE(gradients_are_the_slopes_of_the_logits) {
  Twin<ConvNorm> twin("conv_norm");
  twin.model.eval();
  const Tensor gradient = input_gradient(twin.model, twin.images, twin.chosen);
  const auto logits = [&](const Tensor& direction, double step) {
    Tensor moved = twin.images.clone();
    axpy(step, direction, moved);
    const Tensor values = twin.model(moved).value();
    double sum = 0;
    for (std::int64_t n = 0; n < values.dim(0); ++n) sum += values.at({n, 3});
    return sum;
  };
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Tensor direction = test::random(twin.images.shape(), seed, -1, 1, DType::f64);
    const double h = 1e-7;  // so short that no ReLU changes sides
    const double slope =
        (8 * (logits(direction, h) - logits(direction, -h)) - logits(direction, 2 * h) + logits(direction, -2 * h)) /
        (12 * h);
    BOOST_TEST(std::abs(slope - dot(gradient, direction)) < 1e-7 * norm(gradient) * norm(direction));
    BOOST_TEST(std::abs(slope) > 1e-4 * norm(gradient) * norm(direction));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::golden
