/// \file
/// ShardTree: sums over the shards of a batch that have the same bits on any number of ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "framework/parallel/communicator.h"
#include "framework/parallel/shards.h"

namespace ebb::parallel {

/// Bytes that a rank sends while ShardTree adds up `width` numbers of `bytes_each` bytes of all shards, none of which
/// is empty.
std::int64_t bytes_of_sum(int rank, int ranks, int shards, std::int64_t width, std::int64_t bytes_each);

/// Adds numbers of all shards by the fixed binary tree over shard numbers: ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)).
/// A shard without samples is left out, and so is the addition. Each rank gives the shards that it owns, as they are
/// ready, and keeps the sums of the largest subtrees that it has complete: at most 2 log2(shards) arrays. Which rank
/// owns what cannot change a bit of the result. For T = float and double.
///
/// A sum is begin(), add() for each of the rank's shards that has samples, and finish(). Memory is kept: sums that are
/// alike allocate nothing.
template <class T>
class ShardTree {
 public:
  /// Joins the numbers of two subtrees: the left one becomes both.
  using Join = void(T* left, const T* right, std::int64_t width);

  /// \param how addition unless another one is given, which then sees whole arrays.
  explicit ShardTree(Join* how = nullptr) : join_(how) {}

  /// Begins a sum of `width` numbers for each shard. The communicator must outlive it.
  /// \throws Error unless the shards are a power of two from 1 to most_shards.
  void begin(const Shards& shards, Communicator& ranks, std::int64_t width);

  /// Takes the numbers of a shard: the pieces, one behind the other.
  /// \throws Error for a shard that is not this rank's, has no samples or comes out of order, and for another width.
  void add(int shard, std::span<const std::span<const T>> pieces);

  /// As above for numbers in one piece.
  void add(int shard, std::span<const T> numbers) { add(shard, std::span(&numbers, 1)); }

  /// The sum, equal on all ranks, which wait for each other here. Valid until the next begin().
  /// \throws Error when a shard of this rank is missing, or there are no samples at all.
  std::span<T> finish();

 private:
  // Consecutive shards that are complete; begin is a multiple of size, a power of two.
  struct Node {
    int begin = 0;
    int size = 1;
    T* numbers = nullptr;  // none without samples
  };
  using Nodes = std::vector<Node>;

  void push(Nodes& nodes, Node node, std::int64_t width);
  void skip_to(int shard);
  T* take();
  void join(T* left, const T* right, std::int64_t width) const;
  void gather_all();
  void sum_in_pieces();
  Nodes nodes_of(int rank) const;
  std::int64_t arrays_of(int rank) const;
  Nodes received(T* all, std::int64_t width) const;
  T* combined(T* all, std::int64_t width);

  Join* join_;
  Shards shards_;
  Communicator* ranks_ = nullptr;
  ShardRange own_;
  std::int64_t width_ = 0, capacity_ = 0;  // of this sum, and of the arrays in memory_
  int next_ = 0;                           // the first shard that is neither added nor left out
  Nodes nodes_;                            // of this rank, from the left
  std::vector<std::unique_ptr<T[]>> memory_;
  std::vector<T*> free_;
  std::vector<T> send_, receive_, sum_;
};

extern template class ShardTree<float>;
extern template class ShardTree<double>;

}  // namespace ebb::parallel
