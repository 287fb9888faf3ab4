#include "tests/support/ranks.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "framework/tensor/error.h"

namespace ebb::test {
namespace {

using Bytes = std::span<const std::byte>;
using Sizes = std::span<const std::int64_t>;

// What a rank brings along to a call.
struct Brought {
  const char* call = "";
  Bytes bytes;
  Sizes sizes;
};

// Where the ranks meet: everyone puts down what it brings, everyone takes what it needs, everyone leaves.
class Meeting {
 public:
  explicit Meeting(int ranks) : brought_(static_cast<std::size_t>(ranks)), here_(brought_.size()) {}

  std::size_t ranks() const { return brought_.size(); }

  template <class Take>
  void call(int rank, const Brought& own, const Take& take) {
    const auto me = static_cast<std::size_t>(rank);
    brought_[me] = own;
    wait(me);
    std::exception_ptr error;  // thrown when the others have taken what they need
    try {
      for (std::size_t r = 0; r < brought_.size(); ++r)
        if (std::strcmp(brought_[r].call, own.call) != 0)
          fail("ranks", text("rank ", r, " calls ", brought_[r].call, ", rank ", rank, ' ', own.call),
               "the same calls");
      take(brought_);
    } catch (...) {
      error = std::current_exception();
    }
    wait(me);
    if (error) std::rethrow_exception(error);
  }

  // A rank that will not come again.
  void leave(int rank, const std::string& why) {
    const std::scoped_lock lock(mutex_);
    if (gone_.empty()) gone_ = text("rank ", rank, why);
    all_.notify_all();
  }

 private:
  void wait(std::size_t me) {
    std::unique_lock lock(mutex_);
    if (!gone_.empty()) fail("ranks", gone_, text("a call that rank ", me, " waits for"));
    const std::uint64_t round = round_;
    here_[me] = true;
    if (++count_ == brought_.size()) {
      count_ = 0;
      here_.assign(here_.size(), false);
      ++round_;
      all_.notify_all();
      return;
    }
    const bool met = all_.wait_for(lock, std::chrono::seconds(300), [&] { return round_ != round || !gone_.empty(); });
    if (met && round_ != round) return;
    if (!gone_.empty()) fail("ranks", gone_, text("a call that rank ", me, " waits for"));
    std::string missing;
    for (std::size_t r = 0; r < here_.size(); ++r)
      if (!here_[r]) missing += text(' ', r);
    fail("ranks", text("no call of rank", missing), text("one that rank ", me, " waits for"));
  }

  std::vector<Brought> brought_;
  std::mutex mutex_;
  std::condition_variable all_;
  std::vector<bool> here_;
  std::size_t count_ = 0;
  std::uint64_t round_ = 0;
  std::string gone_;
};

class Rank : public parallel::Communicator {
 public:
  Rank(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(meeting_.ranks()); }

  void broadcast(std::span<std::byte> bytes, int from) override {
    meeting_.call(rank_, {"broadcast", bytes, {}}, [&](const std::vector<Brought>& all) {
      const Bytes source = all.at(static_cast<std::size_t>(from)).bytes;
      if (from != rank_) copy(source, bytes);
    });
  }

  void gather(Bytes own, Sizes bytes, std::span<std::byte> all) override {
    meeting_.call(rank_, {"gather", own, bytes}, [&](const std::vector<Brought>& brought) {
      std::size_t at = 0;
      for (std::size_t r = 0; r < brought.size(); ++r) {
        const auto size = static_cast<std::size_t>(bytes[r]);
        copy(brought[r].bytes, all.subspan(at, size));
        at += size;
      }
      if (at != all.size()) fail("gather", text(all.size(), " bytes of room"), text(at));
    });
  }

  void abandon() override { meeting_.leave(rank_, " has given up"); }

  void exchange(Bytes own, Sizes sizes, std::span<std::byte> got, Sizes got_sizes) override {
    meeting_.call(rank_, {"exchange", own, sizes}, [&](const std::vector<Brought>& brought) {
      std::size_t at = 0;
      for (std::size_t r = 0; r < brought.size(); ++r) {
        std::size_t before = 0;
        for (int c = 0; c < rank_; ++c)
          before += static_cast<std::size_t>(brought[r].sizes[static_cast<std::size_t>(c)]);
        const auto piece = static_cast<std::size_t>(brought[r].sizes[static_cast<std::size_t>(rank_)]);
        const auto size = static_cast<std::size_t>(got_sizes[r]);
        copy(brought[r].bytes.subspan(before, piece), got.subspan(at, size));
        at += size;
      }
    });
  }

 private:
  static void copy(Bytes from, std::span<std::byte> to) {
    if (from.size() != to.size()) fail("ranks", text(from.size(), " bytes"), text(to.size(), " bytes"));
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
  }

  Meeting& meeting_;
  int rank_;
};

}  // namespace

void run_ranks(int ranks, const std::function<void(parallel::Communicator&)>& body) {
  Meeting meeting(ranks);
  std::mutex mutex;
  std::exception_ptr error;
  std::vector<std::thread> threads;
  for (int r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      Rank rank(meeting, r);
      try {
        body(rank);
        meeting.leave(r, " has ended");
      } catch (const std::exception& thrown) {
        {
          const std::scoped_lock lock(mutex);
          if (!error) error = std::current_exception();
        }
        meeting.leave(r, text(" has failed: ", thrown.what()));
      }
    });
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace ebb::test
