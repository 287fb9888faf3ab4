/// \file
/// Equations between sums of unknowns, solved as they come in.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ebb {

/// Unknown numbers and linear equations without a constant between them. What the equations leave free spans all their
/// solutions.
class LinearSystem {
 public:
  /// Coefficients by unknown, ascending, none of them 0.
  using Sum = std::vector<std::pair<int, double>>;

  /// A new unknown.
  Sum unknown();

  /// alpha a + beta b
  static Sum combined(double alpha, const Sum& a, double beta, const Sum& b);

  /// Adds the equation a = b: the newest unknown in it is expressed by the others.
  void equate(const Sum& a, const Sum& b);

  /// `sum` in unknowns that are free.
  Sum solved(const Sum& sum);

 private:
  std::vector<std::optional<Sum>> expressed_;  // by unknown; empty: free
};

}  // namespace ebb
