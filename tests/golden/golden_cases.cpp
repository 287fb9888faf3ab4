#include "tests/golden/golden_cases.h"

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "tests/support/tensors.h"

namespace ebb::golden {

std::string golden_path(const std::string& file) { return text(EBB_SOURCE_DIR "/tests/golden/", file); }

const std::vector<std::string>& families() {
  static const std::vector<std::string> names{
      "arithmetic",    "activation", "shape",     "matmul",       "conv2d",   "conv_transpose2d", "pooling",
      "normalization", "loss",       "reduction", "loss_options", "any_axis", "broadcast_matmul", "window_options"};
  return names;
}

std::vector<Case> load_family(const std::string& family) {
  const TensorFile file = load_safetensors(golden_path(family + ".safetensors"));
  std::vector<Case> cases;
  for (const nlohmann::json& entry : nlohmann::json::parse(file.metadata.at("cases"))) {
    Case c;
    c.name = entry.at("name");
    c.op = entry.at("op");
    c.options = entry.at("options");
    c.inputs = entry.at("inputs");
    c.gradients = entry.at("gradients");
    c.outputs = entry.at("outputs");
    c.terms = entry.at("k");
    c.scales = entry.at("scales");
    const auto take = [&](const std::string& name) { c.tensors[name] = file.tensors.at(c.name + "/" + name); };
    for (const std::string& name : c.inputs) take(name);
    for (const std::string& name : c.outputs) take(name);
    for (const std::string& name : c.gradients) take("d" + name);
    take("dy");
    cases.push_back(std::move(c));
  }
  return cases;
}

boost::test_tools::assertion_result agrees(const Tensor& got, const Tensor& wanted, double relative, double scale) {
  const Tensor wide = got.defined() ? cast(got, DType::f64) : Tensor::zeros(wanted.shape(), DType::f64);
  return test::close(wide, cast(wanted, DType::f64), relative, relative * scale);
}

boost::test_tools::assertion_result agrees(const Case& c, const std::string& name, const Tensor& got, double relative) {
  const auto scale = c.scales.find(name);
  return agrees(got, c.tensors.at(name), relative, scale == c.scales.end() ? 0.0 : scale->second);
}

}  // namespace ebb::golden
