#include "lab/export/export_onnx.h"

#include <algorithm>

#include "framework/nn/torch_names.h"
#include "framework/tensor/error.h"
#include "lab/export/onnx_file.h"
#include "lab/export/onnx_step.h"
#include "lab/export/recorded_pass.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

using detail::Lies;
using detail::OnnxGraph;
using detail::OnnxPort;
using detail::OnnxValue;

void check(const Shape& image, const OnnxOptions& o) {
  constexpr std::int64_t most = 65536;
  if (image.rank() != 3) fail("export", text("images ", image), "[height, width, channels]");
  if (o.batch < 0 || o.batch > most) fail("export", text("batch ", o.batch), text("0 (any number) to ", most));
  for (const OnnxOp& op : o.ops)
    if (op.op.empty() || !op.write) fail("export", text("an op \"", op.op, "\" without name or function"), "both");
  const auto numbers = [&](const std::vector<double>& list) {
    const auto size = static_cast<std::int64_t>(list.size());
    if (size != 1 && size != image[2])
      fail("export", text(size, " numbers of a standardisation"),
           text("one, or one for each of ", image[2], " channels"));
  };
  numbers(o.standardisation.mean);
  numbers(o.standardisation.deviation);
}

// Parameters and buffers by their first byte.
std::map<const std::byte*, std::string> tensor_names(Layer& model) {
  std::map<const std::byte*, std::string> out;
  for (const NamedParameter& p : model.named_parameters())
    out.emplace(p.parameter->value().bytes().data(), detail::torch_name(p.module, p.path));
  for (const NamedBuffer& b : model.named_buffers())
    out.emplace(b.buffer->value().bytes().data(), detail::torch_name(b.module, b.path));
  return out;
}

Tensor times_255(const std::vector<double>& list) {
  Tensor out({static_cast<std::int64_t>(list.size())});
  std::ranges::transform(list, out.mutable_span<float>().begin(), [](double v) { return static_cast<float>(255 * v); });
  return out;
}

// The graph's input, and the images that the model sees.
OnnxValue take_images(OnnxGraph& graph, const detail::RecordedOp& images, const OnnxOptions& o,
                      std::vector<OnnxPort>& ports) {
  const Shape& s = images.shape;
  const std::int64_t batch = images.varies(0) ? -1 : s[0];
  if (o.input == OnnxInput::standardised) {
    ports.push_back({graph.fresh("images"), DType::f32, {batch, s[3], s[1], s[2]}});
    return {"images", {}, s, images.other, Lies::channels_first, {}};
  }
  ports.push_back({graph.fresh("pixels"), DType::u8, {batch, s[1], s[2], s[3]}});
  graph.enter("", "standardise");
  constexpr std::int64_t to_float = 1;
  std::string x = graph.node("Cast", {"pixels"}, {{"to", to_float}});
  x = graph.node("Sub", {x, graph.initializer(times_255(o.standardisation.mean))});
  x = graph.node("Div", {x, graph.initializer(times_255(o.standardisation.deviation))});
  const OnnxValue plain{x, {}, s, images.other, Lies::plain, {}};
  return {graph.as(plain, Lies::channels_first), {}, s, images.other, Lies::channels_first, {}};
}

OnnxValue constant(const Tensor& numbers) {
  return {{},
          numbers,
          numbers.defined() ? numbers.shape() : Shape(),
          numbers.defined() ? numbers.shape() : Shape(),
          Lies::plain,
          {}};
}

}  // namespace

std::string onnx_model(Layer& model, const Shape& image, const OnnxOptions& options) {
  check(image, options);
  const detail::RecordedPass pass = detail::recorded_pass(model, image, options.batch);
  OnnxGraph graph(tensor_names(model));
  detail::OnnxModel out{.name = options.name,
                        .version = version(),
                        .inputs = {},
                        .outputs = {},
                        .graph = &graph,
                        .metadata = options.metadata};
  for (const char* const name : {"logits", "probabilities"})
    if (graph.fresh(name) != name) fail("export", text("a tensor called ", name), "another name for it");
  std::vector<OnnxValue> values{take_images(graph, pass.ops[0], options, out.inputs)};
  for (std::size_t i = 1; i < pass.ops.size(); ++i) {
    const detail::RecordedOp& op = pass.ops[i];
    std::vector<OnnxValue> inputs;
    for (std::size_t k = 0; k < op.inputs.size(); ++k)
      inputs.push_back(op.inputs[k] < 0 ? constant(op.constants[k]) : values[static_cast<std::size_t>(op.inputs[k])]);
    detail::OnnxStep step(graph, op, std::move(inputs));
    values.push_back(detail::write_onnx(step, options.ops));
  }
  const OnnxValue& result = values[static_cast<std::size_t>(pass.result)];
  graph.enter("", "logits");
  std::string name = graph.as(result, Lies::plain);
  // An input has its own name.
  if (std::ranges::any_of(out.inputs, [&](const OnnxPort& port) { return port.name == name; }))
    name = graph.node("Identity", {name});
  graph.rename(name, "logits");
  std::vector<std::int64_t> sizes;
  for (int axis = 0; axis < result.shape.rank(); ++axis)
    sizes.push_back(result.shape[axis] == result.other[axis] ? result.shape[axis] : -1);
  out.outputs.push_back({"logits", DType::f32, sizes});
  if (options.softmax) {
    graph.rename(graph.node("Softmax", {"logits"}, {{"axis", -1}}), "probabilities");
    out.outputs.push_back({"probabilities", DType::f32, sizes});
  }
  return detail::to_bytes(out);
}

void export_onnx(Layer& model, const Shape& image, const std::filesystem::path& file, const OnnxOptions& options,
                 Existing existing) {
  write_file(file, onnx_model(model, image, options), existing);
}

}  // namespace ebb
