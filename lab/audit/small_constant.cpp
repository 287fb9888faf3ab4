#include "lab/audit/small_constant.h"

#include <algorithm>
#include <string_view>

#include "framework/compute/basic.h"

namespace ebb {
namespace {

double mean_share(const Tensor& x, double c) {
  double sum = 0;
  std::int64_t count = 0;
  const Tensor wide = cast(x, DType::f64);
  for (const double v : wide.span<double>()) {
    if (!(v >= 0)) return 1;
    if (v > 0) sum += c / (v + c), ++count;
  }
  return count == 0 ? 1 : sum / static_cast<double>(count);
}

}  // namespace

SmallConstants::SmallConstants() : before_(detail::op_observer) { detail::op_observer = this; }

SmallConstants::~SmallConstants() { detail::op_observer = before_; }

void SmallConstants::forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor&) {
  if (std::string_view(op) == "mul")
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}})
      if (inputs[k].value().size() == 1) factors_.emplace_back(node, k);
  if (std::string_view(op) != "add") return;
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
    const Tensor &c = inputs[k].value(), &x = inputs[1 - k].value();
    if (c.size() != 1 || !is_float(c.dtype())) continue;
    const double value = cast(c, DType::f64).item();
    if (value > 0) seen_.push_back({.node = node, .constant = k, .share = mean_share(x, value)});
  }
}

double SmallConstants::share(std::size_t node, std::size_t constant) const {
  for (const Seen& s : seen_)
    if (s.node == node && s.constant == constant) return s.share;
  return 1;
}

bool SmallConstants::scales(std::size_t node, std::size_t constant) const {
  return std::ranges::find(factors_, std::pair(node, constant)) != factors_.end();
}

}  // namespace ebb
