/// \file
/// Symmetries tried out: the loss in f64, to its last bits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "lab/audit/network.h"
#include "lab/audit/symmetry.h"

namespace ebb {

/// Computes the loss of one batch from the module's parameters, with inputs of this type. Called several times, with
/// equal buffers each time, so that dropout draws the same masks.
using LossOf = std::function<Var(DType)>;

/// What a probe saw of a symmetry.
struct ProbeResult {
  bool confirmed = false;  ///< The loss is equal but for its last bits (scale), or to 1e3 roundings (shift, rescale).
  double change = 0;       ///< |L' - L| / |L|.
  std::string reason;      ///< Why it could not be tried out; empty when it was.
};

/// A model in f64 at a point near its own where no number is special: each parameter is moved by a tenth of its root
/// mean square, so that a bias of 0 does not look like one that does not matter.
///
/// A scaling is tried at 2^k and at 2^(k+1), some units at the one and some at the other: what is invariant gives the
/// same bits, whatever the norms' eps, once eps / (4^k variance) is below rounding. A factor that is merely felt less
/// and less does not, so nothing is compared with a tolerance.
class Probe {
 public:
  /// \param network as recorded from `loss`, for the parameters' order.
  Probe(Module& model, const LossOf& loss, const Network& network);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Tries all units of a symmetry at once, each by an amount of its own.
  ProbeResult confirm(const Symmetry& symmetry);

  /// Invariances of whole parameters, of three channels of each, of (scale, shift) pairs of norms and of what the
  /// columns of a weight have in common that are not among `known`, as sentences.
  std::vector<std::string> missed(const std::vector<Symmetry>& known);

  /// The exponent k; above 34 scalings cannot be tried out.
  int exponent() const;

 private:
  class Point;
  ProbeResult to_the_bit(const Symmetry& symmetry, int exponent);
  std::unique_ptr<Point> point_;
};

}  // namespace ebb
