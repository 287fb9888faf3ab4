// Runs the gradient table: every case against finite differences, into an existing gradient, with one tensor as two
// arguments, and in f32 against f64.
#include "tests/framework/ops/gradient_table.h"

#include <boost/test/unit_test.hpp>
#include <cfloat>
#include <deque>
#include <set>

#include "framework/autograd/gradcheck.h"

namespace ebb::test {
namespace {

const Table& all_rows() {
  static const Table table = [] {
    Table made;
    add_arithmetic_rows(made);
    add_activation_rows(made);
    add_shape_rows(made);
    add_reduction_rows(made);
    add_convolution_rows(made);
    add_matmul_rows(made);
    add_normalization_rows(made);
    add_loss_rows(made);
    return made;
  }();
  return table;
}

// A loss whose gradient with respect to the output of `c` is `weights`, on the parameters given.
void backward(const Case& c, std::deque<Parameter>& parameters, const Tensor& weights) {
  Tape tape;
  std::vector<Var> leaves;
  for (Parameter& p : parameters) leaves.emplace_back(p);
  tape.backward(c.call(leaves), cast(weights, parameters[0].value().dtype()));
}

// Result and gradients of a case in the type of `inputs`.
std::vector<Tensor> results(const Case& c, const std::vector<Tensor>& inputs, const Tensor& weights) {
  std::deque<Parameter> parameters;
  for (const Tensor& input : inputs) parameters.emplace_back("p", Role::other, input);
  const std::vector<Var> constants(inputs.begin(), inputs.end());
  std::vector<Tensor> out{c.call(constants).value()};
  backward(c, parameters, weights);
  for (Parameter& p : parameters)
    out.push_back(p.grad().defined() ? p.grad() : Tensor::zeros(p.shape(), p.value().dtype()));
  return out;
}

std::vector<Tensor> rounded(const std::vector<Tensor>& inputs, DType dtype) {
  std::vector<Tensor> out;
  for (const Tensor& input : inputs) out.push_back(cast(cast(input, DType::f32), dtype));
  return out;
}

Tensor weights_for(const Case& c) {
  const std::vector<Var> constants(c.inputs.begin(), c.inputs.end());
  const Tensor y = c.call(constants).value();
  return rounded({random(y.shape(), 5, 0.5, 1.5, DType::f64)}, DType::f64)[0];
}

BOOST_AUTO_TEST_SUITE(gradient_table)

BOOST_AUTO_TEST_CASE(rows_are_complete) {
  std::set<std::string> names;
  for (const Row& row : all_rows().rows()) {
    BOOST_TEST(names.insert(row.op).second, row.op << " stands twice");
    BOOST_TEST(row.cases.size() >= 4u, row.op << " has " << row.cases.size() << " cases");
  }
}

BOOST_AUTO_TEST_CASE(gradients_agree_with_finite_differences) {
  std::int64_t compared = 0;
  for (const Row& row : all_rows().rows())
    for (const Case& c : row.cases) {
      const GradcheckReport report = gradcheck(c.name, c.call, c.inputs, {.rtol = row.rtol});
      BOOST_TEST(report.passed, report.message);
      compared += report.compared;
    }
  BOOST_TEST_MESSAGE(compared << " numbers compared");
  BOOST_TEST(compared >= 200000);
}

BOOST_AUTO_TEST_CASE(one_tensor_as_two_arguments) {
  for (const Row& row : all_rows().rows())
    for (const Case& c : row.cases)
      for (std::size_t j = 1; c.options.twice && j < c.inputs.size(); ++j) {
        if (!(c.inputs[j].shape() == c.inputs[0].shape())) continue;
        const auto call = [&](std::span<const Var> in) {
          std::vector<Var> both(in.begin(), in.end());
          both.insert(both.begin() + static_cast<std::ptrdiff_t>(j), in[0]);
          return c.call(both);
        };
        std::vector<Tensor> inputs = c.inputs;
        inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(j));
        const GradcheckReport report = gradcheck(c.name + ", one tensor twice", call, inputs, {.rtol = row.rtol});
        BOOST_TEST(report.passed, report.message);
      }
}

// Doubling is exact: the second pass must add the very numbers of the first.
BOOST_AUTO_TEST_CASE(gradients_add_to_existing_ones) {
  for (const Row& row : all_rows().rows())
    for (const Case& c : row.cases) {
      std::deque<Parameter> parameters;
      for (const Tensor& input : c.inputs) parameters.emplace_back("p", Role::other, input.clone());
      const Tensor weights = weights_for(c);
      backward(c, parameters, weights);
      std::vector<Tensor> once;
      for (const Parameter& p : parameters) {
        BOOST_REQUIRE_MESSAGE(p.grad().defined(), c.name);
        once.push_back(p.grad().clone());
        scale(once.back(), 2.0);
      }
      backward(c, parameters, weights);
      for (std::size_t i = 0; i < once.size(); ++i) {
        const auto same = same_bits(parameters[i].grad(), once[i]);
        BOOST_TEST(same, c.name << ", argument " << i);
      }
    }
}

// Both see the same inputs, rounded to f32. A sum of k numbers in f32 may be off by 8 eps sqrt(k) of the largest number
// around: of the result, or of what was summed where that cancels.
BOOST_AUTO_TEST_CASE(f32_agrees_with_f64) {
  for (const Row& row : all_rows().rows())
    for (const Case& c : row.cases) {
      const Tensor weights = weights_for(c);
      const std::vector<Tensor> want = results(c, rounded(c.inputs, DType::f64), weights);
      const std::vector<Tensor> got = results(c, rounded(c.inputs, DType::f32), weights);
      double largest = c.options.scale;
      if (c.options.k > 1)
        for (const Tensor& input : c.inputs) largest = std::max(largest, max_abs(input));
      const double bound = 8 * FLT_EPSILON * std::sqrt(std::max(1.0, c.options.k));
      for (std::size_t i = 0; i < want.size(); ++i) {
        const auto near = close(cast(got[i], DType::f64), want[i], bound, std::max(bound * largest, 1e-40));
        BOOST_TEST(got[i].dtype() == DType::f32);
        BOOST_TEST(near, c.name << (i == 0 ? ", result" : text(", gradient ", i - 1)));
      }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::test
