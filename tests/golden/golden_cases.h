/// \file
/// The golden files: what PyTorch computed for a case, written by make_golden.py.
#pragma once

#include <boost/test/tools/assertion_result.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb::golden {

/// One call of an op.
struct Case {
  std::string name;                       ///< Unique, e.g. "conv2d.1x5x5x1_to_1_3x3".
  std::string op;                         ///< Key of ops().
  nlohmann::json options;                 ///< Of the op, by name.
  std::vector<std::string> inputs;        ///< Names of the inputs, in order.
  std::vector<std::string> gradients;     ///< The inputs whose gradients are compared.
  std::vector<std::string> outputs;       ///< "y" and whatever else the op gives.
  std::map<std::string, double> terms;    ///< Length of the sum behind each result: "y", "dx", ...
  std::map<std::string, double> scales;   ///< Results in which larger terms cancel: the size of those terms.
  std::map<std::string, Tensor> tensors;  ///< Inputs (f32), results (f64), and "dy", the gradient of y (f32).
};

/// The cases of FAMILY.safetensors.
std::vector<Case> load_family(const std::string& family);

/// Names of all families.
const std::vector<std::string>& families();

/// Path of a file beside the golden files.
std::string golden_path(const std::string& file);

/// True when `got`, in any dtype, has the shape of `wanted` and every |got - wanted| <= relative * (max |wanted| +
/// scale). An undefined tensor, a gradient that never flowed, counts as zeros.
boost::test_tools::assertion_result agrees(const Tensor& got, const Tensor& wanted, double relative, double scale = 0);

/// agrees() for a result of a case.
boost::test_tools::assertion_result agrees(const Case& c, const std::string& name, const Tensor& got, double relative);

}  // namespace ebb::golden
