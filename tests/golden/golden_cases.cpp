#include "tests/golden/golden_cases.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"

namespace ebb::golden {

std::string golden_path(const std::string& file) { return text(EBB_SOURCE_DIR "/tests/golden/", file); }

const std::vector<std::string>& families() {
  static const std::vector<std::string> names{"arithmetic",       "activation", "shape",         "matmul", "conv2d",
                                              "conv_transpose2d", "pooling",    "normalization", "loss",   "reduction"};
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
    const auto take = [&](const std::string& name) { c.tensors[name] = file.tensors.at(c.name + "/" + name); };
    for (const std::string& name : c.inputs) take(name);
    for (const std::string& name : c.outputs) take(name);
    for (const std::string& name : c.gradients) take("d" + name);
    take("dy");
    cases.push_back(std::move(c));
  }
  return cases;
}

Comparison compare(const std::string& what, const Tensor& got, const Tensor& wanted, double relative) {
  const double infinity = std::numeric_limits<double>::infinity();
  Comparison result;
  if (got.defined() && got.shape() != wanted.shape()) {
    return {false, text(what, ": got shape ", got.shape(), ", wanted ", wanted.shape()), infinity};
  }
  const Tensor a = got.defined() ? cast(got, DType::f64) : Tensor::zeros(wanted.shape(), DType::f64);
  const Tensor b = cast(wanted, DType::f64);
  const double* const p = a.data<double>();
  const double* const q = b.data<double>();
  double largest = 0.0;
  double scale = 0.0;
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(p[i] - q[i]);
    scale = std::max(scale, std::abs(q[i]));
    if (difference > largest || !std::isfinite(p[i])) {
      largest = std::isfinite(p[i]) ? difference : infinity;
      at = i;
      if (!std::isfinite(p[i])) break;
    }
  }
  const double allowed = relative * scale;
  result.passed = largest <= allowed;
  result.share = largest == 0.0 ? 0.0 : largest / allowed;
  result.message = text(what, ": element ", at, " differs by ", largest, ", allowed ", allowed);
  if (a.size() > 0) result.message += text("; got ", p[at], ", wanted ", q[at]);
  return result;
}

}  // namespace ebb::golden
