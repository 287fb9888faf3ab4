#include "framework/nn/pooling.h"

#include "framework/nn/check.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const PoolGeometry& checked(const char* layer, const PoolGeometry& g) {
  for (std::size_t i = 0; i < 2; ++i) {
    require_at_least(layer, "kernel", g.kernel[i], 1);
    require_at_least(layer, "stride", g.stride[i], 0);
    require_at_least(layer, "padding", g.padding[i], 0);
    if (2 * g.padding[i] > g.kernel[i])
      fail(layer, text("padding = ", g.padding[i], " with kernel = ", g.kernel[i]), "at most half the kernel");
  }
  return g;
}

std::string text_of(const PoolGeometry& g) {
  std::string out = by(g.kernel);
  if (g.stride != std::array<std::int64_t, 2>{0, 0} && g.stride != g.kernel) out += ", stride " + by(g.stride);
  if (g.padding != std::array<std::int64_t, 2>{0, 0}) out += ", padding " + by(g.padding);
  return out;
}

}  // namespace

MaxPool2d::MaxPool2d(const PoolGeometry& geometry) : geometry_(checked("MaxPool2d", geometry)) {}
Var MaxPool2d::forward(const Var& x) { return max_pool2d(x, geometry_); }
std::string MaxPool2d::describe() const { return text_of(geometry_); }

AvgPool2d::AvgPool2d(const PoolGeometry& geometry) : geometry_(checked("AvgPool2d", geometry)) {}
Var AvgPool2d::forward(const Var& x) { return avg_pool2d(x, geometry_); }
std::string AvgPool2d::describe() const { return text_of(geometry_); }

Var GlobalAvgPool2d::forward(const Var& x) { return global_avg_pool2d(x); }

}  // namespace ebb
