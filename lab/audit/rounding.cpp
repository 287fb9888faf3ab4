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

std::optional<Along> along_scale(const std::vector<Tensor>& values, const std::vector<Tensor>& gradients,
                                 const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) {
  Along out;
  for (const int p : parameters) {
    const Tensor& w = values[static_cast<std::size_t>(p)];
    const Tensor& gradient = gradients[static_cast<std::size_t>(p)];
    if (!gradient.defined()) return {};
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
  }
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

void LeastVariance::forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor&) {
  if (kind_of(op) != OpKind::norm || inputs[0].dtype() != DType::f64) return;
  const Tensor& x = inputs[0].value();
  if (x.size() == 0) return;
  const std::string_view name = op;
  const std::int64_t width = x.dim(-1);
  // Samples with statistics of their own, and groups of channels that share theirs.
  const std::int64_t samples = name == "layer_norm" ? x.size() / width : name == "group_norm" ? x.dim(0) : 1;
  const auto groups = name == "layer_norm"   ? std::int64_t{1}
                      : name == "group_norm" ? static_cast<std::int64_t>(tape_.node(node).setting("groups", 1))
                                             : width;
  const std::int64_t each = x.size() / samples, columns = width / groups;
  for (std::int64_t s = 0; s < samples; ++s)
    for (std::int64_t g = 0; g < groups; ++g)
      take(x.data<double>() + s * each + g * columns, each / width, columns, width);
}

void LeastVariance::take(const double* x, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  double sum = 0, squares = 0;
  const auto count = static_cast<double>(rows * columns);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) sum += x[r * stride + c];
  const double mean = sum / count;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) squares += (x[r * stride + c] - mean) * (x[r * stride + c] - mean);
  const double variance = squares / count;
  // What is constant but for rounding comes out as 0, whatever eps is.
  if (variance > 1e-24 * mean * mean && variance > 0) value = std::min(value, variance);
}

}  // namespace ebb::detail
