/// \file
/// Constants in ops: those that are added to sums so that a division stays finite, the eps of norms that are written
/// out, and numbers by which a value is multiplied.
#pragma once

#include <utility>
#include <vector>

#include "framework/autograd/tape.h"

namespace ebb {

/// The largest share of a sum that an eps has, on average: the loss then ignores the scale of what it is added to but
/// for a hundredth.
constexpr double most_eps_share = 0.01;

/// Looks on while a pass is recorded: by how much constants matter in `x + c`, c > 0, x >= 0, and which are the one
/// factor of all that they are multiplied with.
class SmallConstants : public detail::OpObserver {
 public:
  SmallConstants();
  ~SmallConstants() override;
  SmallConstants(const SmallConstants&) = delete;
  SmallConstants& operator=(const SmallConstants&) = delete;

  /// See OpObserver.
  void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) override;
  void backward(const char*, std::size_t, const Tensor&) override {}  ///< See OpObserver.

  /// Mean of c / (x + c) over the numbers of x that are not 0, in value number `node` if its input number `constant` is
  /// such a c; 1 if it is none.
  double share(std::size_t node, std::size_t constant) const;

  /// Whether value number `node` is a product whose input number `constant` is one number.
  bool scales(std::size_t node, std::size_t constant) const;

 private:
  struct Seen {
    std::size_t node, constant;
    double share;
  };
  detail::OpObserver* before_;
  std::vector<Seen> seen_;
  std::vector<std::pair<std::size_t, std::size_t>> factors_;  // node and constant
};

}  // namespace ebb
