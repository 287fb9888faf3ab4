#include "models/vgg.h"

#include <vector>

#include "framework/nn/activations.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/pooling.h"
#include "framework/nn/residual.h"
#include "framework/tensor/error.h"
#include "models/parts.h"

namespace ebb {
namespace {

// A 3x3 convolution, norm, ReLU and, if wanted, 2x2 max pooling, as layers NAME.0 to NAME.3.
void add_conv(Sequential& net, const Conv2dOptions& conv, const NormOptions& norm, bool pool = false) {
  const std::string name = text(net.size());
  auto& part = net.add(name, std::make_unique<Sequential>(net.rng().at(name)));
  part.add<Conv2d>(conv);
  add_norm(part, text(part.size()), conv.out, norm);
  part.add<ReLU>();
  if (pool) part.add<MaxPool2d>();
}

// x + conv(conv(x)), both convolutions with norm and ReLU.
void add_residual(Sequential& net, std::int64_t channels, const NormOptions& norm) {
  Residual& block = net.add<Residual>({.activation = Activation::none});
  add_conv(*block.main, conv_options(channels, channels, 3, 1, norm), norm);
  add_conv(*block.main, last_conv_options(channels, channels, 3, norm), norm);
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
    add_conv(*net_, conv_options(in, widths[i], 3, 1, options.norm), options.norm, widths[i + 1] == 0);
    in = widths[i];
  }
  net_->add<Flatten>();
  net_->add<Linear>({.in = in, .out = options.classes});
}

Var Vgg::forward(const Var& x) { return net_(x); }

ResNet9::ResNet9(const ResNet9Options& o, const Rng& rng) : net_(*this, "net", rng) {
  const auto conv = [&](std::int64_t in, std::int64_t out, bool pool) {
    add_conv(*net_, conv_options(in, out, 3, 1, o.norm), o.norm, pool);
  };
  conv(o.channels, o.width, false);
  conv(o.width, 2 * o.width, true);
  add_residual(*net_, 2 * o.width, o.norm);
  conv(2 * o.width, 4 * o.width, true);
  conv(4 * o.width, 8 * o.width, true);
  add_residual(*net_, 8 * o.width, o.norm);
  net_->add<MaxPool2d>({.kernel = {4, 4}});
  net_->add<Flatten>();
  net_->add<Linear>({.in = 8 * o.width, .out = o.classes});
}

Var ResNet9::forward(const Var& x) { return net_(x); }

}  // namespace ebb
