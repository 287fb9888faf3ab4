#include "framework/nn/pooling.h"

#include "framework/nn/check.h"
#include "framework/ops/pooling_shape.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const PoolGeometry& checked(const char* layer, const PoolGeometry& geometry) {
  detail::check_geometry(layer, geometry);
  return geometry;
}

std::string text_of(const PoolGeometry& g) {
  std::string out = by(g.kernel);
  if (g.stride != std::array<std::int64_t, 2>{0, 0} && g.stride != g.kernel) out += ", stride " + by(g.stride);
  if (g.padding != std::array<std::int64_t, 2>{0, 0}) out += ", padding " + by(g.padding);
  if (g.same_padding) out += ", same padding";
  if (g.dilation != std::array<std::int64_t, 2>{1, 1}) out += ", dilation " + by(g.dilation);
  if (g.ceil_mode) out += ", ceil";
  return out;
}

const AdaptivePoolOptions& checked(const char* layer, const AdaptivePoolOptions& o) {
  for (const std::int64_t output : o.output) require_at_least(layer, "output", output, 0);
  return o;
}

// "7x*" keeps the width of its images.
std::string text_of(const AdaptivePoolOptions& o) {
  const auto size = [](std::int64_t n) { return n == 0 ? std::string("*") : text(n); };
  return size(o.output[0]) + "x" + size(o.output[1]);
}

}  // namespace

MaxPool2d::MaxPool2d(const PoolGeometry& geometry) : geometry_(checked("MaxPool2d", geometry)) {}
Var MaxPool2d::forward(const Var& x) { return max_pool2d(x, geometry_); }
std::string MaxPool2d::describe() const { return text_of(geometry_); }

AvgPool2d::AvgPool2d(const PoolGeometry& geometry) : geometry_(checked("AvgPool2d", geometry)) {}
Var AvgPool2d::forward(const Var& x) { return avg_pool2d(x, geometry_); }
std::string AvgPool2d::describe() const { return text_of(geometry_); }

AdaptiveMaxPool2d::AdaptiveMaxPool2d(const AdaptivePoolOptions& options)
    : options_(checked("AdaptiveMaxPool2d", options)) {}
Var AdaptiveMaxPool2d::forward(const Var& x) { return adaptive_max_pool2d(x, options_.output); }
std::string AdaptiveMaxPool2d::describe() const { return text_of(options_); }

AdaptiveAvgPool2d::AdaptiveAvgPool2d(const AdaptivePoolOptions& options)
    : options_(checked("AdaptiveAvgPool2d", options)) {}
Var AdaptiveAvgPool2d::forward(const Var& x) { return adaptive_avg_pool2d(x, options_.output); }
std::string AdaptiveAvgPool2d::describe() const { return text_of(options_); }

Var GlobalAvgPool2d::forward(const Var& x) { return global_avg_pool2d(x); }

}  // namespace ebb
