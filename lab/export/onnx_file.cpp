#include "lab/export/onnx_file.h"

#include <onnx.pb.h>

#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

// Numbers of ONNX's enumerations.
enum DataType : std::int32_t { onnx_float = 1, onnx_uint8 = 2, onnx_int64 = 7 };
enum AttributeType : std::int32_t { of_float = 1, of_int = 2, of_string = 3, of_ints = 7 };
constexpr std::int64_t ir_version = 8, operator_set = 17;

std::int32_t data_type(DType type) {
  switch (type) {
    case DType::f32: return onnx_float;
    case DType::u8: return onnx_uint8;
    case DType::i64: return onnx_int64;
    default: fail("export", text("numbers of type ", type), "f32, i64 or u8");
  }
}

void write(onnx::Attribute& to, const OnnxAttribute& from) {
  to.set_name(from.name);
  if (const auto* const i = std::get_if<std::int64_t>(&from.value)) {
    to.set_type(of_int);
    to.set_i(*i);
  } else if (const auto* const f = std::get_if<double>(&from.value)) {
    to.set_type(of_float);
    to.set_f(static_cast<float>(*f));
  } else if (const auto* const s = std::get_if<std::string>(&from.value)) {
    to.set_type(of_string);
    to.set_s(*s);
  } else {
    to.set_type(of_ints);
    for (const std::int64_t number : std::get<std::vector<std::int64_t>>(from.value)) to.add_ints(number);
  }
}

void write(onnx::Node& to, const OnnxNode& from) {
  to.set_name(from.name);
  to.set_op_type(from.type);
  for (const std::string& input : from.inputs) to.add_input(input);
  to.add_output(from.output);
  for (const OnnxAttribute& attribute : from.attributes) write(*to.add_attribute(), attribute);
}

void write(onnx::Tensor& to, const OnnxInitializer& from) {
  to.set_name(from.name);
  to.set_data_type(data_type(from.numbers.dtype()));
  for (const std::int64_t dim : from.numbers.shape().dims()) to.add_dims(dim);
  const auto bytes = from.numbers.bytes();
  to.set_raw_data(bytes.data(), bytes.size());
}

void write(onnx::ValueInfo& to, const OnnxPort& from) {
  to.set_name(from.name);
  onnx::TensorType& type = *to.mutable_type()->mutable_tensor_type();
  type.set_elem_type(data_type(from.type));
  for (const std::int64_t size : from.sizes) {
    onnx::Dimension& dim = *type.mutable_shape()->add_dim();
    if (size < 0) dim.set_dim_param("N");
    else dim.set_dim_value(size);
  }
}

// Texts of the format are UTF-8; a byte that is none becomes a question mark.
std::string utf8(const std::string& given) {
  std::string out;
  for (std::size_t i = 0; i < given.size();) {
    const auto first = static_cast<unsigned char>(given[i]);
    const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    bool good = first < 0x80 || (first >= 0xc2 && first < 0xf5 && i + length <= given.size());
    for (std::size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(given[i + k]) & 0xc0U) == 0x80;
    out += good ? given.substr(i, length) : "?";
    i += good ? length : 1;
  }
  return out;
}

}  // namespace

std::string to_bytes(const OnnxModel& model) {
  onnx::Model out;
  out.set_ir_version(ir_version);
  out.set_producer_name("Ebb");
  out.set_producer_version(model.version);
  out.add_opset_import()->set_version(operator_set);
  for (const auto& [key, value] : model.metadata) {
    onnx::Entry& entry = *out.add_metadata_props();
    entry.set_key(utf8(key));
    entry.set_value(utf8(value));
  }
  onnx::Graph& graph = *out.mutable_graph();
  graph.set_name(utf8(model.name));
  for (const OnnxPort& port : model.inputs) write(*graph.add_input(), port);
  for (const OnnxPort& port : model.outputs) write(*graph.add_output(), port);
  for (const OnnxNode& node : model.graph->nodes) write(*graph.add_node(), node);
  for (const OnnxInitializer& initializer : model.graph->initializers) write(*graph.add_initializer(), initializer);
  constexpr std::size_t largest = std::size_t{1} << 31;
  if (out.ByteSizeLong() >= largest)
    fail("export", text("a graph of ", out.ByteSizeLong(), " bytes"), "less than 2 GiB, which is the format's limit");
  std::string bytes;
  if (!out.SerializeToString(&bytes)) fail("export", "a graph that cannot be written", "texts in UTF-8");
  return bytes;
}

}  // namespace ebb::detail
