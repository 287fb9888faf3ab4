/// \file
/// Large blocks of the memory pool, private to framework/tensor: pieces of mappings, cut off as tensors ask for them
/// and joined with their free neighbours when they come back. What one layer used as a whole serves several smaller
/// tensors of the next, so the pool holds little more than the most that a step needs at once.
#pragma once

#include <array>
#include <cstddef>

#include "framework/tensor/size_class.h"
#include "framework/tensor/storage.h"

namespace ebb::detail {

/// Blocks from this size on, head included, are pieces of mappings.
constexpr std::size_t smallest_mapping = std::size_t{128} << 10;

/// Pieces are not cut smaller than this.
constexpr std::size_t smallest_piece = smallest_mapping / class_steps;

/// The kept pieces of all mappings. Not thread-safe.
class Mappings {
 public:
  /// A kept piece with at least `bytes` bytes behind its head, cut to size; null when there is none.
  Storage* take(std::size_t bytes);

  /// A mapping of its own for a block of `bytes` bytes; null when the system has no memory left.
  static Storage* map(std::size_t bytes);

  /// Keeps a piece that no tensor uses, joined with its free neighbours.
  void keep(Storage* piece);

  /// Gives the mappings back that no tensor uses any part of. Returns how many bytes they had behind their heads.
  std::size_t release();

 private:
  void link(Storage* piece);
  void unlink(Storage* piece);

  std::array<Storage*, size_classes> kept_{};  // by the largest class that the piece holds
};

}  // namespace ebb::detail
