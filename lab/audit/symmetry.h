/// \file
/// Changes of parameters that leave the loss as it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ebb {

/// A family of changes of parameters that leave the loss as it is, whatever the data; decay acts along them alone.
struct Symmetry {
  /// What is done to the numbers.
  enum class Kind : std::uint8_t {
    scale,    ///< w -> c w, c > 0: weights in front of a norm; scale and shift of a norm in front of another one.
    shift,    ///< w -> w + t: biases in front of a norm; what all classes of the head have in common.
    rescale,  ///< Some grow as others shrink: what enters and what leaves a unit between homogeneous ops.
  };

  /// What it does to one parameter.
  struct Part {
    int parameter = -1;     ///< Its number in Network::parameters.
    std::string path = {};  ///< Its path.
    double power = 1;       ///< w is multiplied by c^power; of shifts 1.
    bool rows = false;      ///< Channels are those that enter (the last axis but one), or rows of a table.
  };

  /// A change of its own: for each part the channels it acts on, ascending; empty: all of them.
  using Unit = std::vector<std::vector<std::int64_t>>;

  Kind kind = Kind::scale;          ///< What is done.
  std::vector<Part> parts = {};     ///< In the order of the module's parameters.
  std::vector<Unit> units = {};     ///< At least one; each leaves the loss as it is by itself.
  std::string granularity() const;  ///< "channel", "group of 4", "whole", "row".
};

/// "scale", "shift", "rescale".
const char* name(Symmetry::Kind kind);

/// "conv1.weight x c, by channel (16)": a line for people.
std::string text(const Symmetry& symmetry);

}  // namespace ebb
