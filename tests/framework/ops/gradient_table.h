/// \file
/// The gradient table: for every op of framework/ops, cases that gradient_table_test.cpp checks. A new op gets a row,
/// `table.row("name")`, in the gradient_rows_*.cpp of its family; tests/lint/check_gradient_table.py asks for it.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/compute/basic.h"
#include "tests/support/tensors.h"

namespace ebb::test {

/// An op with its options bound, as a function of what gradients may flow into.
using OpCall = std::function<Var(std::span<const Var>)>;

/// What the runner must know of a case.
struct CaseOptions {
  double k = 1;       ///< Length of the longest sum behind a number of the result or of a gradient.
  double scale = 0;   ///< Size of numbers on the way that cancel in f32, where they may exceed all results.
  bool twice = true;  ///< Also called with one tensor as two arguments, where two have one shape.
};

/// One call: inputs in f64, and the op.
struct Case {
  std::string name;
  std::vector<Tensor> inputs;
  OpCall call;
  CaseOptions options;
};

/// All cases of one op.
struct Row {
  std::string op;
  double rtol;  ///< Of gradcheck(); the same everywhere unless the row says why.
  std::vector<Case> cases;

  void add(const std::string& name, std::vector<Tensor> inputs, OpCall call, const CaseOptions& options = {}) {
    std::string full = op + (name.empty() ? "" : " " + name);
    for (const Tensor& input : inputs) full += text(' ', input.shape());
    cases.push_back({std::move(full), std::move(inputs), std::move(call), options});
  }
};

/// The rows of all ops.
class Table {
 public:
  /// A new row.
  Row& row(const char* op, double rtol = 1e-7) { return rows_.emplace_back(Row{op, rtol, {}}); }
  const std::deque<Row>& rows() const { return rows_; }

 private:
  std::deque<Row> rows_;
};

/// The least distance of inputs from kinks and ties: at least ten steps of the stencil, whose step is 1e-3 max(1, |x|),
/// for numbers up to 3.
constexpr double clearance = 0.03;

/// Uniform f64 numbers in [low, high), none nearer to one of `kinks` than `clear`.
inline Tensor numbers(const Shape& shape, std::uint64_t seed, double low = -2, double high = 2,
                      std::initializer_list<double> kinks = {}, double clear = clearance) {
  Tensor out = random(shape, seed, low, high, DType::f64);
  for (double& v : out.mutable_span<double>())
    for (const double kink : kinks)
      if (std::abs(v - kink) < clear) v = v < kink ? v - clear : v + clear;
  return out;
}

/// f64 numbers around 0 in random order, any two at least 0.05 apart.
inline Tensor distinct(const Shape& shape, std::uint64_t seed) {
  Tensor out(shape, DType::f64);
  const std::span<double> to = out.mutable_span<double>();
  const auto n = static_cast<double>(to.size());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = 0.05 * (static_cast<double>(i) - n / 2) + 0.02;
  const Rng rng(seed);
  for (std::size_t i = to.size(); i > 1; --i) std::swap(to[i - 1], to[rng.below(i, i)]);
  return out;
}

/// `constant` in the type of `x`: cases run in f64 and in f32.
inline Tensor as_type_of(const Var& x, const Tensor& constant) { return cast(constant, x.dtype()); }

/// Shapes for elementwise ops: a scalar, batches of 1, dimensions of 1, and channel counts 1, 3, 5 and 17.
inline std::vector<Shape> standard_shapes() {
  return {{}, {1}, {17}, {1, 1}, {1, 5}, {2, 3}, {7, 17}, {3, 1, 5}, {1, 4, 1, 3}, {2, 3, 2, 5}, {1, 2, 3, 17}};
}

// The families.
void add_arithmetic_rows(Table& table);
void add_activation_rows(Table& table);
void add_shape_rows(Table& table);
void add_reduction_rows(Table& table);
void add_convolution_rows(Table& table);
void add_matmul_rows(Table& table);
void add_normalization_rows(Table& table);
void add_loss_rows(Table& table);

}  // namespace ebb::test
