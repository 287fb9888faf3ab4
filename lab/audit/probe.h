/// \file
/// Symmetries tried out: the loss in f64, to the bit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "lab/audit/network.h"
#include "lab/audit/symmetry.h"
#include "lab/audit/travel.h"

namespace ebb {

/// Computes the loss of one batch from the module's parameters, with inputs of this type. Called several times, with
/// equal buffers each time, so that dropout draws the same masks.
using LossOf = std::function<Var(DType)>;

/// What a probe saw of a symmetry.
struct ProbeResult {
  bool confirmed = false;  ///< The loss is equal to the bit, or as equal as rounding lets it be: see Probe.
  bool exact = false;      ///< It is equal to the bit.
  double change = 0;       ///< |L' - L| / |L|.
  std::string reason;      ///< Why it could not be tried out; empty when it was.
};

/// A model in f64 at a point near its own where no number is special: each parameter is moved by a tenth of its root
/// mean square, so that a bias of 0 does not look like one that does not matter.
///
/// Powers of two round nothing, so an invariant loss has the same bits, and nothing is compared with a tolerance. Units
/// are scaled by 1 and by 4, some by the one and some by the other, rescaled by 1/2 and by 2. What would be in the way
/// is taken out of it: biases that a norm removes, whose sums round by their scale, are 0; and all else that scalings
/// may change is 2^k times as large, k the least (10 to 34, even) with eps / (4^k variance) below rounding for all
/// norms.
///
/// A weight with nothing else to scale between itself and its norm feels the norm's eps there. It is tried at 2^k and
/// at 2^(k+2), to the bit. What saturates gives equal bits there, too, so what passes must be as small as an eps and
/// fall like one: its first doubling changes the loss by at most a quarter of eps / variance, and each of the next five
/// by a quarter of the one before, but for terms of second order. Deep networks amplify both: where each of the five is
/// that quarter but for an eighth of the one before, the first may be 16 times as large.
///
/// Bits cannot be asked for in three places:
/// - Shifts: something is added, and sums round. 1e3 roundings (2^-53) are granted.
/// - `pow`, the square root in a rescaling, powers that are no whole numbers and ops of your own may round a scaled
///   number otherwise: 2^-46 is granted, 128 roundings.
/// - An eps of a norm that is written out may be added to a root and vanish with 2^-k only: 2^-46 is granted, and 2^-k
///   of 16 times its share.
class Probe {
 public:
  /// \param network as recorded from `loss`, for the parameters' order.
  /// \param known what travel found: which biases norms remove, and what missed() need not search for.
  /// \param own ops of yours that travel was told of.
  Probe(Module& model, const LossOf& loss, const Network& network, std::vector<Symmetry> known = {},
        const TravelRules& own = {});
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Tries all units of a symmetry at once, each by an amount of its own.
  ProbeResult confirm(const Symmetry& symmetry);

  /// The same of all that is known, in its order. Gains of norms, other scalings, rescalings and shifts are each tried
  /// together, since what none of them changes, none changes; one by one where the loss does change, or where there are
  /// ops of yours.
  std::vector<ProbeResult> confirm_all();

  /// Invariances of whole parameters, of three channels of each, of (scale, shift) pairs of norms and of what the
  /// columns of a weight have in common that are not known, as sentences.
  /// The last that is asked: the model goes to large numbers for it.
  std::vector<std::string> missed();

  /// The exponent k; above 34 scalings cannot be tried out.
  int exponent() const;

 private:
  class Point;
  using Group = std::vector<const Symmetry*>;  // of one kind
  ProbeResult confirm(const Group& group);
  ProbeResult confirm_shifts(const Group& group);
  ProbeResult tried(const Group& group, int from, bool lifted);
  bool eps_is_void(const Group& group);
  bool falls_as_eps(const Group& group);
  std::unique_ptr<Point> point_;
  std::vector<Symmetry> known_;
  bool together_;
};

}  // namespace ebb
