/// \file
/// A study that PyTorch repeated: a file of make_study_golden.py.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "framework/io/safetensors.h"
#include "framework/nn/module.h"

namespace ebb::golden {

/// To which weights agree, and how many times that everything else that might have been meant differs.
inline constexpr double weights = 1e-8, effect = 1000;

/// What the file has.
struct Recorded {
  explicit Recorded(const std::string& name);  ///< NAME.safetensors
  const Tensor& at(const std::string& key) const { return file.tensors.at(key); }
  Tensor wide(const std::string& key) const;  ///< In f64.
  double operator[](const char* key) const { return settings.at(key).get<double>(); }
  std::int64_t number(const char* key) const { return settings.at(key).get<std::int64_t>(); }

  TensorFile file;
  nlohmann::json settings;
};

/// Gives a model of f64 the tensors whose names begin with `prefix`.
void begin(const Recorded& recorded, const std::string& prefix, Module& model);

/// The greatest difference of any tensor whose name begins with `prefix`, as a share of its largest number; infinite
/// where there is none, or one that `state` lacks.
double off(const Recorded& recorded, const std::string& prefix, const State& state);

/// The greatest relative difference of any number.
double off(std::span<const double> got, const Tensor& wanted);

/// The relative difference; of nothing from nothing, none.
double off(double got, double wanted);

}  // namespace ebb::golden
