#include "models/vgg.h"

#include <vector>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/pooling.h"
#include "framework/nn/residual.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// 3x3 convolution, batch norm, ReLU and, if wanted, 2x2 max pooling, as layers NAME.0 to NAME.3.
void add_conv(Sequential& net, std::int64_t in, std::int64_t out, bool pool) {
  const std::string name = text(net.size());
  auto& part = net.add(name, std::make_unique<Sequential>(net.rng().at(name)));
  part.add<Conv2d>(
      {.in = in, .out = out, .padding = {1, 1}, .bias = false, .init = init::kaiming_normal({.mode = FanMode::out})});
  part.add<BatchNorm2d>({.channels = out});
  part.add<ReLU>();
  if (pool) part.add<MaxPool2d>();
}

// x + conv(conv(x)), both convolutions with batch norm and ReLU.
void add_residual(Sequential& net, std::int64_t channels) {
  Residual& block = net.add<Residual>({.activation = Activation::none});
  add_conv(*block.main, channels, channels, false);
  add_conv(*block.main, channels, channels, false);
}

// Channels of each convolution; 0 is a pooling.
std::vector<std::int64_t> plan(std::int64_t depth) {
  switch (depth) {
    case 11: return {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
    case 13: return {64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
    case 16: return {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    default: fail("Vgg", text("depth ", depth), "11, 13 or 16");
  }
}

}  // namespace

Vgg::Vgg(const VggOptions& options, const Rng& rng) : net_(*this, "net", rng) {
  const std::vector<std::int64_t> widths = plan(options.depth);
  std::int64_t in = options.channels;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] == 0) continue;
    add_conv(*net_, in, widths[i], widths[i + 1] == 0);
    in = widths[i];
  }
  net_->add<Flatten>();
  net_->add<Linear>({.in = in, .out = options.classes});
}

Var Vgg::forward(const Var& x) { return net_(x); }

ResNet9::ResNet9(const ResNet9Options& options, const Rng& rng) : net_(*this, "net", rng) {
  add_conv(*net_, options.channels, 64, false);
  add_conv(*net_, 64, 128, true);
  add_residual(*net_, 128);
  add_conv(*net_, 128, 256, true);
  add_conv(*net_, 256, 512, true);
  add_residual(*net_, 512);
  net_->add<MaxPool2d>({.kernel = {4, 4}});
  net_->add<Flatten>();
  net_->add<Linear>({.in = 512, .out = options.classes});
}

Var ResNet9::forward(const Var& x) { return net_(x); }

}  // namespace ebb
