// Every op against what PyTorch computed: values and gradients, in f64 and f32, on every instruction set of the
// machine.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "tests/golden/golden_cases.h"
#include "tests/golden/ops.h"
#include "tests/support/tensors.h"

namespace ebb::golden {
namespace {

// Largest allowed difference over the largest value of a tensor.
double allowed(DType dtype, double terms) {
  return dtype == DType::f64 ? 1e-12 : 8 * std::numeric_limits<float>::epsilon() * std::sqrt(terms);
}

// Values by name: "y", what else the op gives, and the gradients "dx", ...
std::map<std::string, Tensor> evaluate(const Case& c, DType dtype) {
  std::vector<std::unique_ptr<Parameter>> parameters;
  std::map<std::string, Parameter*> leaves;
  Tape tape;
  Call call;
  call.names = c.inputs;
  call.options = c.options;
  for (const std::string& name : c.inputs) {
    const Tensor& stored = c.tensors.at(name);
    const Tensor value = is_float(stored.dtype()) ? cast(stored, dtype) : stored;
    if (std::find(c.gradients.begin(), c.gradients.end(), name) == c.gradients.end()) {
      call.inputs[name] = Var(value);
      continue;
    }
    parameters.push_back(std::make_unique<Parameter>(name, Role::other, value));
    leaves[name] = parameters.back().get();
    call.parameters.push_back(parameters.back().get());
    call.inputs[name] = Var(*parameters.back());
  }
  const Var y = ops().at(c.op)(call);
  tape.backward(y, cast(c.tensors.at("dy"), dtype));
  std::map<std::string, Tensor> results = call.results;
  results["y"] = y.value();
  for (const auto& [name, parameter] : leaves) results["d" + name] = parameter->grad();
  return results;
}

// Compares all cases of a family; one assertion for each tensor.
void check_family(const std::string& family) {
  const std::vector<Case> cases = load_family(family);
  for (const std::string& set : instruction_sets()) {
    const test::InstructionSet use(set);
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const Case& c : cases) {
        BOOST_TEST_CONTEXT(text(c.name, " in ", dtype, " on ", set)) {
          std::map<std::string, Tensor> results;
          BOOST_REQUIRE_NO_THROW(results = evaluate(c, dtype));
          for (const auto& [name, terms] : c.terms) {
            BOOST_TEST_CONTEXT(name) { BOOST_TEST(agrees(c, name, results[name], allowed(dtype, terms))); }
          }
        }
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_ops)

BOOST_AUTO_TEST_CASE(arithmetic) { check_family("arithmetic"); }
BOOST_AUTO_TEST_CASE(activation) { check_family("activation"); }
BOOST_AUTO_TEST_CASE(shape) { check_family("shape"); }
BOOST_AUTO_TEST_CASE(matmul) { check_family("matmul"); }
BOOST_AUTO_TEST_CASE(convolution) { check_family("conv2d"); }
BOOST_AUTO_TEST_CASE(transposed_convolution) { check_family("conv_transpose2d"); }
BOOST_AUTO_TEST_CASE(pooling) { check_family("pooling"); }
BOOST_AUTO_TEST_CASE(normalization) { check_family("normalization"); }
BOOST_AUTO_TEST_CASE(loss) { check_family("loss"); }
BOOST_AUTO_TEST_CASE(loss_options) { check_family("loss_options"); }
BOOST_AUTO_TEST_CASE(any_axis) { check_family("any_axis"); }
BOOST_AUTO_TEST_CASE(broadcast_matmul) { check_family("broadcast_matmul"); }
BOOST_AUTO_TEST_CASE(window_options) { check_family("window_options"); }
BOOST_AUTO_TEST_CASE(reduction) { check_family("reduction"); }

BOOST_AUTO_TEST_CASE(every_op_has_cases_and_they_are_at_least_480) {
  std::size_t count = 0;
  std::set<std::string> seen;
  for (const std::string& family : families()) {
    for (const Case& c : load_family(family)) {
      ++count;
      seen.insert(c.op);
    }
  }
  BOOST_TEST(count >= 480u);
  for (const auto& [name, op] : ops()) BOOST_TEST(seen.contains(name), "no golden case calls " << name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
