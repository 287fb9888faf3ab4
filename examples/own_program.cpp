// The whole program `ebb` with things of your own, by value: a network with a norm of its own, a data set, a kind of
// decay and a key of recipes. `example_own_program train examples/own_program.toml` trains with them; resume, eval,
// report and audit do as with Ebb's own, and `train --help` lists them.
#include <cmath>

#include <ebb/data/pixel_statistics.h>
#include <ebb/framework/nn/activations.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/pooling.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/framework/ops/arithmetic.h>
#include <ebb/framework/ops/reduction.h>
#include <ebb/framework/tensor/random.h>
#include <ebb/lab/program/ebb_main.h>

using namespace ebb;

namespace {

// Divides each pixel by the root mean square of its channels (Zhang, Sennrich 2019): a norm without a mean.
class RmsNorm : public Layer {
 public:
  explicit RmsNorm(std::int64_t channels) : scale_(*this, "scale", Role::norm_scale, Tensor::full({channels}, 1.0)) {}
  Var forward(const Var& x) override { return x / sqrt(mean(x * x, {-1}, KeepDims::yes) + 1e-6) * scale_; }

 private:
  Parameter scale_;
};

// Two convolutions with the recipe's norm behind each, RmsNorm where it says nothing.
std::unique_ptr<Layer> tiny_net(const ModelOptions& o, const Rng& rng, const Recipe& recipe) {
  const auto width = static_cast<std::int64_t>(recipe.own.at("tiny_width"));
  auto net = std::make_unique<Sequential>(rng);
  std::int64_t in = o.image[2];
  for (const std::string number : {"1", "2"}) {
    net->add<Conv2d>("conv" + number, {.in = in, .out = width, .padding = {1, 1}, .bias = false});
    net->add("norm" + number, o.norm && o.norm->own ? o.norm->own(width) : std::make_unique<RmsNorm>(width));
    net->add<ReLU>("relu" + number);
    net->add<MaxPool2d>("pool" + number);
    in = width;
  }
  net->add<GlobalAvgPool2d>("mean");
  net->add<Linear>("fc", {.in = width, .out = o.classes});
  return net;
}

// Bars that lie or stand, somewhere in noise. A data set of files would read them in `directory`.
ImageDataset bars(const std::string& /*directory*/, Split split) {
  const std::int64_t images = split == Split::train ? 600 : 200;
  Tensor pixels({images, 12, 12, 1}, DType::u8), labels({images}, DType::u8);
  const auto pixel = pixels.mutable_span<std::uint8_t>(), label = labels.mutable_span<std::uint8_t>();
  for (std::size_t i = 0; i < label.size(); ++i) {
    const Rng rng = Rng(split == Split::train ? 1 : 2).at(i);
    for (std::size_t p = 0; p < 144; ++p) pixel[144 * i + p] = static_cast<std::uint8_t>(rng.below(160, 10 + p));
    label[i] = static_cast<std::uint8_t>(rng.below(2, 0));
    const std::size_t at = rng.below(12, 1), first = label[i] == 0 ? 12 * at : at, stride = label[i] == 0 ? 1 : 12;
    for (std::size_t k = 0; k < 12; ++k) pixel[144 * i + first + stride * k] = 255;
  }
  const PixelStatistics statistics = fit_statistics(pixels);
  return {std::move(pixels), std::move(labels), {"lying", "standing"}, statistics};
}

// lambda is a half-life: so many steps at the peak of the learning rate halve a weight without a gradient.
Decay half_life(const Lambda& lambda, const Recipe& /*recipe*/) {
  return {"half_life", lambda,
          [](const StepContext& s) {
            return DecayTerms{.shrink = s.lambda > 0 ? s.schedule * std::log(2.0) / s.lambda : 0};
          },
          "w -= schedule log(2) / lambda w"};
}

}  // namespace

// code: main
int main(int argc, char** argv) {
  const auto rms = [](std::int64_t channels, const Recipe&) { return std::make_unique<RmsNorm>(channels); };
  const OwnKey width{.name = "tiny_width", .help = "channels", .initial = 8, .low = 1, .high = 1024};
  return ebb_main(argc, argv,
                  {.models = {{.name = "tiny", .keys = {"norm", "tiny_width"}, .make = tiny_net}},
                   .norms = {{.name = "rms", .make = rms}},
                   .data = {{.name = "bars", .read = bars}},
                   .decays = {{.name = "half_life", .make = half_life}},
                   .keys = {width}});
}
// code: end
