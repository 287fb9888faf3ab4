/// \file
/// Communicator: what the processes of one training say to each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ebb::parallel {

/// The ranks of one training: processes that each compute a part of every batch. All ranks make the same calls in the
/// same order; each call waits for the others. Sums over shards are made by ShardTree.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  ///< This one, 0 .. size() - 1. Rank 0 prints and writes.
  virtual int size() const = 0;  ///< How many there are.

  /// Gives `bytes` of rank `from` to all: theirs are overwritten. The same number of bytes everywhere.
  virtual void broadcast(std::span<std::byte> bytes, int from = 0) = 0;

  /// Gives to all what all have: `own` of rank 0, of rank 1, ... one behind the other in `all`.
  /// \param bytes of each rank, the same everywhere; bytes[rank()] is the size of `own`.
  virtual void gather(std::span<const std::byte> own, std::span<const std::int64_t> bytes,
                      std::span<std::byte> all) = 0;

  /// Gives to each rank its piece of what all have: piece 0 of `own` goes to rank 0, piece 1 to rank 1, ...; the pieces
  /// that this rank gets stand one behind the other in `got`, that of rank 0 first.
  /// \param sizes bytes of the pieces in `own`. \param got_sizes bytes that each rank sends to this one.
  virtual void exchange(std::span<const std::byte> own, std::span<const std::int64_t> sizes, std::span<std::byte> got,
                        std::span<const std::int64_t> got_sizes) = 0;

  /// Whether calls may come from several threads, one call at a time.
  virtual bool takes_turns() const { return true; }

  /// From another thread than the one that waits in a call: ends that call and all later ones with an Error. For a rank
  /// that fails while a thread of it exchanges numbers.
  virtual void abandon() {}

  /// A text of each rank, for all.
  std::vector<std::string> gather_texts(std::string_view own);

  /// Compares a text of all ranks.
  /// \param what it says, e.g. "recipe". \param remedy what helps where ranks differ.
  /// \throws Error on every rank, naming two ranks that differ and the texts of both.
  void agree(std::string_view what, std::string_view value, std::string_view remedy = {});
};

/// A single rank without company. Thread-safe.
Communicator& alone();

}  // namespace ebb::parallel
