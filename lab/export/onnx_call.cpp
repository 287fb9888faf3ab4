#include <algorithm>

#include "framework/tensor/error.h"
#include "lab/export/onnx_step.h"

namespace ebb {
namespace detail {

Lies OnnxStep::common() const {
  int rank = 0;
  bool first = false, flat = false, plain = false;
  for (const OnnxValue& v : inputs) {
    rank = std::max(rank, v.shape.rank());
    first = first || (v.in_graph() && v.lies == Lies::channels_first);
    flat = flat || (v.in_graph() && v.lies == Lies::flattened);
    plain = plain || (v.in_graph() && v.lies == Lies::plain);
  }
  const auto whole = [&](const OnnxValue& v) { return !v.in_graph() || v.shape.rank() == rank; };
  if (first && rank >= 3 && std::ranges::all_of(inputs, whole)) return Lies::channels_first;
  const Shape image = flattened_image();
  const auto fits = [&](const OnnxValue& v) {
    if (!v.in_graph()) return v.shape.rank() == 0 || v.shape[-1] == 1 || v.shape[-1] == image.size();
    return v.lies == Lies::flattened && v.image == image;
  };
  return flat && !plain && rank <= 2 && std::ranges::all_of(inputs, fits) ? Lies::flattened : Lies::plain;
}

Shape OnnxStep::flattened_image() const {
  for (const OnnxValue& v : inputs)
    if (v.in_graph() && v.lies == Lies::flattened) return v.image;
  return {};
}

std::string OnnxStep::in(std::size_t i, Lies lies) {
  return i < inputs.size() ? graph.as(inputs[i], lies, 0, flattened_image()) : "";
}

std::string OnnxStep::broadcast(std::size_t i, Lies lies) {
  int rank = 0;
  for (const OnnxValue& v : inputs) rank = std::max(rank, v.shape.rank());
  return i < inputs.size() ? graph.as(inputs[i], lies, rank, flattened_image()) : "";
}

void OnnxStep::refuse(const std::string& got, const std::string& wanted, const std::string& remedy) const {
  fail("export: " + op.where(), got, wanted, remedy);
}

}  // namespace detail

std::size_t OnnxCall::inputs() const { return step_.inputs.size(); }

std::string OnnxCall::input(std::size_t i) {
  using detail::Lies;
  if (layout_ == OnnxLayout::any) return step_.broadcast(i, step_.common());
  return step_.in(i, layout_ == OnnxLayout::ebb ? Lies::plain : Lies::channels_first);
}

double OnnxCall::setting(std::string_view name, double otherwise) const { return step_.op.setting(name, otherwise); }

std::string OnnxCall::constant(double value) { return step_.graph.number(value); }

std::string OnnxCall::constant(const Tensor& numbers) { return step_.graph.initializer(numbers); }

std::string OnnxCall::node(const std::string& type, const std::vector<std::string>& inputs,
                           const std::vector<OnnxAttribute>& attributes) {
  return step_.node(type, inputs, attributes);
}

}  // namespace ebb
