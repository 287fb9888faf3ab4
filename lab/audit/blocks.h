// A recorded pass in the lines of a picture: private to the drawing.
#pragma once

#include <cstddef>
#include <vector>

#include "lab/audit/network.h"

namespace ebb::detail {

// Ops that stand in one line, from left to right: a map with the norm and the activation behind it.
struct Block {
  enum class Kind : std::uint8_t {
    input,  // the data
    ops,    // a chain of ops, each the only reader of the one before it
    join,   // begins where several values meet
    fold,   // many lines in one
  };
  Kind kind = Kind::ops;
  std::vector<std::size_t> values = {};  // numbers of values of the network
  bool follows = false;                  // reads what the block in front of it ends with
};

// What a block reads of another one that does not stand right before it.
struct Wire {
  std::size_t from = 0, to = 0;  // numbers of blocks, from < to
  bool operator==(const Wire&) const = default;
};

struct Blocks {
  std::vector<Block> list;  // from the input to the loss
  std::vector<Wire> wires;  // short ones first
};

// The values that the loss depends on, without the parameters. Where paths meet the longest comes last, so that it is
// the one that goes straight down. Of more than `most` blocks those in the middle become one.
Blocks blocks_of(const std::vector<NetworkValue>& values, std::size_t most);

}  // namespace ebb::detail
