/// \file
/// What tests need of tensors: random ones, comparisons with one assertion for each array, messages of errors, and
/// settings that go back at the end of a scope.
#pragma once

#include <boost/test/tools/assertion_result.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/tensor.h"

namespace ebb::test {

/// Uniform numbers in [low, high), a function of the seed alone.
inline Tensor random(const Shape& shape, std::uint64_t seed, double low = -1, double high = 1,
                     DType dtype = DType::f32) {
  Tensor out(shape, dtype);
  fill_uniform(out, Rng(seed), low, high);
  return out;
}

/// The numbers of any tensor as doubles.
inline std::vector<double> values(const Tensor& tensor) {
  return dispatch_all("values", tensor.dtype(), [&](auto zero) {
    const auto span = tensor.span<decltype(zero)>();
    return std::vector<double>(span.begin(), span.end());
  });
}

/// The indices of element number `i`, e.g. "[0, 2, 1]".
inline std::string place(const Shape& shape, std::int64_t i) {
  std::string out = "]";
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    out = text(axis > 0 ? ", " : "[", i % shape[axis]) + out;
    i /= shape[axis];
  }
  return shape.rank() == 0 ? "[]" : out;
}

/// True when shapes and dtypes are equal and every |got - want| <= tolerance max|want| + absolute. NaN equals only
/// NaN, infinities only themselves. The message shows the worst element.
inline boost::test_tools::assertion_result close(const Tensor& got, const Tensor& want, double tolerance,
                                                 double absolute = 0) {
  boost::test_tools::assertion_result result(false);
  if (!got.defined() || !want.defined()) {
    result.message() << "an undefined tensor";
    return result;
  }
  if (!(got.shape() == want.shape()) || got.dtype() != want.dtype()) {
    result.message() << "got " << got.shape() << ' ' << got.dtype() << ", wanted " << want.shape() << ' '
                     << want.dtype();
    return result;
  }
  const std::vector<double> a = values(got);
  const std::vector<double> b = values(want);
  double scale = 0;
  for (const double v : b) {
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  }
  const double allowed = tolerance * scale + absolute;
  double worst = -1;
  std::size_t at = 0;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    double error = std::abs(a[i] - b[i]);
    if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
    if (!(error <= allowed)) ++wrong;
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  if (wrong == 0) return true;
  result.message() << wrong << " of " << a.size() << " differ; worst at "
                   << place(got.shape(), static_cast<std::int64_t>(at)) << ": got " << text(a[at]) << ", wanted "
                   << text(b[at]) << ", difference " << text(worst) << " > " << text(allowed);
  return result;
}

/// True when shape, dtype and every bit are equal.
inline boost::test_tools::assertion_result same_bits(const Tensor& got, const Tensor& want) {
  const auto a = got.bytes();
  const auto b = want.bytes();
  if (got.shape() == want.shape() && got.dtype() == want.dtype() && a.size() == b.size() &&
      (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0))
    return true;
  boost::test_tools::assertion_result result = close(got, want, 0);
  if (!result) return result;
  boost::test_tools::assertion_result other(false);
  other.message() << "equal numbers of other bits (signs of zero or of NaN)";
  return other;
}

/// The message of the Error that `f` throws; "no error" when it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Number of threads for a scope, in which short loops are shared too.
class Threads {
 public:
  explicit Threads(int count) : before_(parallel::thread_count()), short_loop_(parallel::short_loop()) {
    parallel::set_thread_count(count);
    parallel::set_short_loop(std::chrono::nanoseconds(0));
  }
  ~Threads() {
    parallel::set_thread_count(before_);
    parallel::set_short_loop(short_loop_);
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
  std::chrono::nanoseconds short_loop_;
};

/// Instruction set for a scope: `for (const std::string& name : instruction_sets()) { InstructionSet use(name); ... }`.
class InstructionSet {
 public:
  explicit InstructionSet(const std::string& name) : before_(instruction_set()) { set_instruction_set(name); }
  ~InstructionSet() { set_instruction_set(before_); }
  InstructionSet(const InstructionSet&) = delete;
  InstructionSet& operator=(const InstructionSet&) = delete;

 private:
  std::string before_;
};

}  // namespace ebb::test
