/// \file
/// MpiRanks: the processes that a launcher of MPI has started, as the ranks of one training.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/parallel/communicator.h"

namespace ebb::parallel {

/// How ranks wait for each other.
struct MpiOptions {
  double timeout = 120;  ///< Seconds that a call waits for another rank before it throws.
};

/// True when a launcher of MPI (mpirun, mpiexec, srun with PMI or PMIx) has started this process as one of several: it
/// asks the environment.
bool started_by_mpi();

/// The ranks that a launcher has started. Messages go through Open MPI or MPICH, whichever the launcher belongs to; the
/// library that is needed is opened here and not linked, so programs that are not started by MPI do without it.
///
/// A call that waits looks for messages and sleeps in between, by a millisecond at most, so that a rank that waits
/// leaves its cores to those that compute. Threads may take turns in calling. A Trainer takes it as its last argument.
class MpiRanks : public Communicator {
 public:
  /// Joins the others. Once in a process, which ends with status 1 and a message when not all have come within the
  /// timeout: MPI_Init cannot be given up.
  /// \throws Error when no launcher has started this process, there is no module for its MPI, or MPI cannot connect the
  /// ranks.
  explicit MpiRanks(MpiOptions options = {});

  /// Leaves the others when all have come so far. While an exception is thrown, or when fail_together() has not found
  /// all, it does not: a process that ends without having left makes the launcher end all.
  ~MpiRanks() override;
  MpiRanks(const MpiRanks&) = delete;
  MpiRanks& operator=(const MpiRanks&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  /// The calls of a Communicator. \throws Error naming the ranks that have not come within the timeout, when the
  /// launcher has ended, and for more than 2 GiB in a message; a rank that makes another call counts as not having
  /// come.
  void broadcast(std::span<std::byte> bytes, int from = 0) override;
  void gather(std::span<const std::byte> own, std::span<const std::int64_t> bytes, std::span<std::byte> all) override;
  void exchange(std::span<const std::byte> own, std::span<const std::int64_t> sizes, std::span<std::byte> got,
                std::span<const std::int64_t> got_sizes) override;

  bool takes_turns() const override { return takes_turns_; }  ///< False where MPI allows one thread alone.
  void abandon() override { abandoned_ = true; }              ///< As Communicator says.

  /// For a rank that fails: tells the others why, whose calls end with an Error then, and waits for all to come here.
  /// No other call may follow.
  /// \param seconds that it waits at most.
  /// \returns the whys of all ranks, cut off at 4,000 bytes, none of a rank that fails since another one does; empty
  /// where not all have come, or messages are under way that cannot be given up. \throws Error of MPI.
  std::vector<std::string> fail_together(std::string_view why, double seconds);

  /// Whether a call has ended since another rank fails.
  bool told() const { return told_; }

  /// Sets MpiOptions::timeout. \throws Error unless it is above 0.
  void set_timeout(double seconds);

  /// "Open MPI" or "MPICH".
  std::string library() const;

  /// Names of the ranks' machines.
  const std::vector<std::string>& hosts() const { return hosts_; }

  /// What messages have cost this rank so far.
  struct Cost {
    double seconds = 0;         ///< In calls that wait for messages.
    std::int64_t sent = 0;      ///< Bytes to other ranks.
    std::int64_t received = 0;  ///< Bytes from them.
  };
  const Cost& cost() const { return cost_; }  ///< Of all calls.

 private:
  class Module;

  void begin(int kind);
  void require_sizes(const char* call, std::span<const std::int64_t> sizes, std::size_t room) const;
  void send(std::span<const std::byte> bytes, int to);
  void receive(std::span<std::byte> bytes, int from);
  void wait();
  void give_up();
  void look_for_failures();
  void check(int error);
  std::string missing() const;

  MpiOptions options_;
  std::unique_ptr<Module> module_;
  int rank_ = 0, size_ = 1;
  std::vector<std::string> hosts_;
  int launcher_ = 0;  // process that started this one
  const char* call_ = "";
  std::int64_t calls_ = 0;
  int tag_ = 0;          // of the call's messages
  bool broken_ = false;  // a call has failed
  bool lost_ = false;    // in a way that leaves no further call
  bool told_ = false;    // since another rank fails
  enum class Leaving : std::uint8_t { when_all_have_come, at_once, never } leaving_ = Leaving::when_all_have_come;
  bool takes_turns_ = true;
  std::atomic<bool> abandoned_ = false;
  int exceptions_ = 0;  // that were under way at the construction
  Cost cost_;
};

}  // namespace ebb::parallel
