#include "tests/golden/recorded.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "tests/golden/golden_cases.h"

namespace ebb::golden {

Recorded::Recorded(const std::string& name)
    : file(load_safetensors(golden_path(name + ".safetensors"))),
      settings(nlohmann::json::parse(file.metadata.at("training"))) {}

Tensor Recorded::wide(const std::string& key) const { return cast(at(key), DType::f64); }

void begin(const Recorded& recorded, const std::string& prefix, Module& model) {
  State state = model.state();
  for (const auto& [name, value] : recorded.file.tensors)
    if (name.starts_with(prefix)) state.at(name.substr(prefix.size())) = cast(value, DType::f64);
  model.load_state(state);
}

double off(const Recorded& recorded, const std::string& prefix, const State& state) {
  double worst = -1;
  for (const auto& [name, wanted] : recorded.file.tensors) {
    if (!name.starts_with(prefix)) continue;
    const auto found = state.find(name.substr(prefix.size()));
    if (found == state.end() || !(found->second.shape() == wanted.shape())) return INFINITY;
    double difference = 0, size = 0;
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
      const double there = wanted.data<double>()[i];
      difference = std::max(difference, std::abs(found->second.data<double>()[i] - there));
      size = std::max(size, std::abs(there));
    }
    worst = std::max(worst, difference / size);
  }
  return worst < 0 ? INFINITY : worst;
}

double off(std::span<const double> got, const Tensor& wanted) {
  if (static_cast<std::int64_t>(got.size()) != wanted.size()) return INFINITY;
  double worst = 0;
  for (std::int64_t i = 0; i < wanted.size(); ++i)
    worst = std::max(worst, off(got[static_cast<std::size_t>(i)], wanted.data<double>()[i]));
  return worst;
}

double off(double got, double wanted) { return got == wanted ? 0 : std::abs(got / wanted - 1); }

}  // namespace ebb::golden
