#include "lab/audit/rounding.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "lab/audit/op_kind.h"

namespace ebb::detail {

bool rounds_alike(const Network& network, const Symmetry& symmetry, const TravelRules& own) {
  std::vector<bool> moved(network.values.size(), false);
  const int step = symmetry.kind == Symmetry::Kind::scale ? powers_apart : 1;
  for (const Symmetry::Part& part : symmetry.parts)
    if (std::fmod(step * part.power, 1) != 0) return false;
  for (std::size_t i = 0; i < network.values.size(); ++i) {
    const NetworkValue& value = network.values[i];
    if (!value.to_loss) continue;
    moved[i] = std::ranges::any_of(symmetry.parts, [&](const auto& p) { return p.parameter == value.parameter; }) ||
               std::ranges::any_of(value.inputs, [&](int k) { return k >= 0 && moved[static_cast<std::size_t>(k)]; });
    if (!moved[i]) continue;
    if (value.eps >= 0 || value.op == "pow" || (value.op == "sqrt" && step < 2)) return false;
    const auto rule = own.find(value.op);
    if (rule != own.end() && rule->second != Travel::stops) return false;
  }
  return true;
}

Along along_scale(const Tensor& w, const Tensor& gradient, const std::vector<std::int64_t>& channels) {
  Along out;
  const std::int64_t columns = w.rank() == 0 ? 1 : w.dim(-1);
  const auto add = [&](std::int64_t i) {
    const double product = w.data<double>()[i] * gradient.data<double>()[i];
    out.sum += product;
    out.size += std::abs(product);
  };
  if (channels.empty())
    for (std::int64_t i = 0; i < w.size(); ++i) add(i);
  for (const std::int64_t c : channels)
    for (std::int64_t i = c; i < w.size(); i += columns) add(i);
  return out;
}

Along along_shift(const Tensor& gradient, const std::function<double(std::int64_t row)>& added) {
  Along out;
  const std::int64_t columns = gradient.rank() == 0 ? 1 : gradient.dim(-1);
  for (std::int64_t row = 0; row * columns < gradient.size(); ++row) {
    const double amount = added(row);
    for (std::int64_t c = 0; c < columns; ++c) {
      const double product = amount * gradient.data<double>()[row * columns + c];
      out.sum += product;
      out.size += std::abs(product);
    }
  }
  return out;
}

void LeastVariance::forward(const char* op, std::size_t, std::span<const Var> inputs, const Tensor&) {
  if (kind_of(op) != OpKind::norm || inputs[0].dtype() != DType::f64) return;
  const Tensor& x = inputs[0].value();
  const std::int64_t width = x.dim(-1), rows = x.size() / std::max<std::int64_t>(1, width);
  const bool by_row = std::string_view(op) == "layer_norm";
  for (std::int64_t i = 0; i < (by_row ? rows : width); ++i)
    by_row ? take(x.data<double>() + i * width, width, 1) : take(x.data<double>() + i, rows, width);
}

void LeastVariance::take(const double* x, std::int64_t count, std::int64_t stride) {
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += x[i * stride];
  const double mean = sum / static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) squares += (x[i * stride] - mean) * (x[i * stride] - mean);
  const double variance = squares / static_cast<double>(count);
  // What is constant but for rounding comes out as 0, whatever eps is.
  if (variance > 1e-24 * mean * mean && variance > 0) value = std::min(value, variance);
}

}  // namespace ebb::detail
