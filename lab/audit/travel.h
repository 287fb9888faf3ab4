/// \file
/// How changes of scale and shifts pass the ops of a network.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/audit/network.h"
#include "lab/audit/symmetry.h"

namespace ebb {

/// What an op of your own does with a channel (an index of the last axis) that is multiplied by c > 0, or that has t
/// added; the library's ops are known. All inputs but the first are taken for constants, which must not be scaled.
enum class Travel : std::uint8_t {
  stops,        ///< Something else comes out: sigmoid, softmax, losses. What is taken of an op that nobody described.
  homogeneous,  ///< f(c x) = c f(x), channel by channel, and a shift does not pass: ReLU, |x|, dropout.
  pooling,      ///< As homogeneous, and f(x + t) = f(x) + t: pooling without padding.
};

/// By the name under which an op records.
using TravelRules = std::map<std::string, Travel>;

/// Shifts that leave the loss as it is: biases that a norm removes, channel by channel; what all output channels of a
/// weight have in common, in front of a softmax or a layer norm.
std::vector<Symmetry> shift_symmetries(const Network& network, const TravelRules& own = {});

/// Which parameters of the network are biases that a norm removes channel by channel, by what shift_symmetries() found:
/// what they are does not matter. \param known other symmetries are passed over.
std::vector<bool> inert_parameters(const Network& network, const std::vector<Symmetry>& known);

/// Scalings that leave the loss as it is, and rescalings of units. They are the solutions of linear equations between
/// the logarithms of the factors of all channels; each unit of the result is one of a basis of them. \param shifts what
/// shift_symmetries() found: biases that do not matter may have any scale.
std::vector<Symmetry> scale_symmetries(const Network& network, const std::vector<Symmetry>& shifts,
                                       const TravelRules& own = {});

/// Scalings of the rows of a table, as a layer norm behind an embedding ignores them.
std::vector<Symmetry> row_symmetries(const Network& network);

}  // namespace ebb
