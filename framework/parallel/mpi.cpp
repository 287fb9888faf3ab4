#include "framework/parallel/mpi.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

#include "framework/parallel/mpi_module.h"
#include "framework/tensor/error.h"

namespace ebb::parallel {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// A tag is made of the number of a call and its kind, so that calls of two kinds never meet. MPI promises 32768 tags.
constexpr std::int64_t calls_apart = 8192, kinds = 4;
enum Kind : std::uint8_t { broadcasting, gathering, exchanging, failing };
constexpr const char* names[] = {"broadcast", "gather", "exchange"};

// Of a message that says why a rank fails; small enough for every MPI to take it before the other one asks for it.
constexpr std::size_t most_of_why = 4000;

// Larger broadcasts are cut.
constexpr std::size_t most_of_broadcast = std::size_t{1} << 30;

constexpr const char* newest = "the newest checkpoint goes on with `ebb resume`";

bool set(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// The implementations whose launchers leave such an environment, likeliest first.
std::vector<std::string> launchers() {
  if (set("OMPI_COMM_WORLD_SIZE")) return {"openmpi"};
  if (set("PMI_SIZE") || set("PMI_FD")) return {"mpich"};
  if (set("PMIX_RANK")) return {"openmpi", "mpich"};
  return {};
}

// How many ranks the launcher says it has started; 1 where it says nothing.
int announced() {
  for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (set(name)) return std::max(1, std::atoi(std::getenv(name)));
  return 1;
}

// Beside the program or above it, as in a build, and where libraries are installed.
std::vector<fs::path> places() {
  std::vector<fs::path> out;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path folder = program.parent_path();
    out.push_back(folder);
    out.push_back(folder.parent_path() / EBB_LIBRARY_FOLDER / "ebb");
  }
  if (const fs::path installed = fs::path(EBB_INSTALLED_LIBRARIES) / "ebb"; out.empty() || installed != out.back())
    out.push_back(installed);
  return out;
}

// Ends the process unless it is gone in time: MPI_Init cannot be given up.
class Deadline {
 public:
  explicit Deadline(double seconds) : thread_([this, seconds] { watch(seconds); }) {}
  ~Deadline() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    end_.notify_one();
    thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  void watch(double seconds) {
    std::unique_lock lock(mutex_);
    if (end_.wait_for(lock, std::chrono::duration<double>(std::min(seconds, 1e6)), [this] { return over_; })) return;
    std::cerr << text("[mpi] got no connection of all ranks for ", rounded(seconds, 3),
                      " s; wanted every rank to join; see whether one hangs or has ended\n");
    std::_Exit(1);
  }

  std::mutex mutex_;
  std::condition_variable end_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace

bool started_by_mpi() {
  if (launchers().empty()) return false;
  for (const char* const ranks : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"})
    if (set(ranks)) return std::string_view(std::getenv(ranks)) != "1";
  return true;
}

// Stays open until the process ends: MPI's threads and handlers may outlive whoever asks for it.
class MpiRanks::Module {
 public:
  Module() {
    const std::vector<std::string> wanted = launchers();
    if (wanted.empty())
      fail("mpi", "a process that no launcher of MPI has started", "one of several ranks",
           "start it with mpirun -np 2 ...");
    std::string why;
    for (const std::string& name : wanted)
      for (const fs::path& place : places())
        if (open(place / text("ebb_mpi_", name, ".so"), why)) return;
    // Where the program was linked to look: programs that use an installed Ebb.
    for (const std::string& name : wanted)
      if (open_by_name(text("ebb_mpi_", name, ".so"))) return;
    std::string looked;
    for (const fs::path& place : places()) looked += text(looked.empty() ? "" : ", ", place.string());
    fail("mpi", why.empty() ? text("no module for ", wanted.front(), " in ", looked) : why,
         text("a module ebb_mpi_", wanted.front(), ".so that opens"),
         "copy it beside the program from where Ebb is built or installed (lib/ebb); where there is none, build Ebb "
         "with "
         "libopenmpi-dev or libmpich-dev, as docs/distributed.md says");
  }

  const EbbMpi* operator->() const { return functions_; }

 private:
  bool open(const fs::path& file, std::string& why) {
    std::error_code error;
    return fs::is_regular_file(file, error) && take(::dlopen(file.c_str(), how), file.string(), why);
  }

  bool open_by_name(const std::string& name) {
    std::string why;
    return take(::dlopen(name.c_str(), how), name, why);
  }

  bool take(void* handle, const std::string& file, std::string& why) {
    void* const symbol = handle == nullptr ? nullptr : ::dlsym(handle, "ebb_mpi");
    if (symbol == nullptr) {
      const char* const said = ::dlerror();
      why = said == nullptr ? text(file, " without the symbol ebb_mpi") : said;
      return false;
    }
    functions_ = static_cast<const EbbMpi*>(symbol);
    if (functions_->interface == ebb_mpi_interface) return true;
    why = text(file, " of another version of Ebb");
    return false;
  }

  // Global: components that an MPI library opens itself look for its symbols there.
  static constexpr int how = RTLD_NOW | RTLD_GLOBAL;

  const EbbMpi* functions_ = nullptr;
};

MpiRanks::MpiRanks(MpiOptions options) : launcher_(::getppid()) {
  static bool joined = false;
  if (joined) fail("mpi", "a second MpiRanks", "one in a process");
  set_timeout(options.timeout);
  module_ = std::make_unique<Module>();
  int turns = 0;
  {
    const Deadline deadline(options_.timeout);
    check((*module_)->join(&rank_, &size_, &turns));
  }
  joined = true;
  if (size_ != announced() && announced() > 1)
    fail("mpi",
         text(library(), " with ", size_, size_ == 1 ? " rank" : " ranks", " where the launcher has started ",
              announced()),
         "as many ranks", text("start the program with the launcher of ", library()));
  exceptions_ = std::uncaught_exceptions();
  takes_turns_ = turns != 0;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) name = {'?'};
  hosts_ = gather_texts(name.data());
}

MpiRanks::~MpiRanks() {
  if (std::uncaught_exceptions() > exceptions_ || leaving_ == Leaving::never) return;
  try {
    // Nobody leaves while another one still needs it.
    if (size_ > 1 && leaving_ == Leaving::when_all_have_come) gather_texts({});
    (*module_)->leave();
  } catch (const std::exception&) {  // the process ends without having left
  }
}

void MpiRanks::set_timeout(double seconds) {
  if (!(seconds > 0)) fail("mpi", text("timeout = ", seconds), "seconds above 0");
  options_.timeout = seconds;
}

std::string MpiRanks::library() const { return (*module_)->name; }

// What is under way when a call fails may still arrive: there is no going on behind it.
void MpiRanks::check(int error) {
  if (error == 0) return;
  broken_ = lost_ = true;
  std::array<char, 512> why{};
  (*module_)->error_text(error, why.data(), static_cast<int>(why.size()));
  fail("mpi", text(why.data(), ", in ", call_, ' ', calls_, " of rank ", rank_), "a message to all ranks", newest);
}

void MpiRanks::begin(int kind) {
  if (broken_)
    fail("mpi", text(names[kind], " after ", call_, ' ', calls_, " has failed"), "an end of the training", newest);
  call_ = names[kind];
  ++calls_;
  tag_ = static_cast<int>(calls_ % calls_apart * kinds + kind);
}

void MpiRanks::send(std::span<const std::byte> bytes, int to) {
  if (bytes.size() > INT_MAX) fail("mpi", text("a message of ", bytes.size(), " bytes"), "at most 2 GiB");
  check((*module_)->send(bytes.data(), static_cast<int>(bytes.size()), to, tag_));
  cost_.sent += static_cast<std::int64_t>(bytes.size());
}

void MpiRanks::receive(std::span<std::byte> bytes, int from) {
  if (bytes.size() > INT_MAX) fail("mpi", text("a message of ", bytes.size(), " bytes"), "at most 2 GiB");
  check((*module_)->receive(bytes.data(), static_cast<int>(bytes.size()), from, tag_));
  cost_.received += static_cast<std::int64_t>(bytes.size());
}

// "rank 1 on node2, rank 3 on node4"
std::string MpiRanks::missing() const {
  std::string out;
  for (int r = 0; r < size_; ++r) {
    if ((*module_)->waits_for(r) == 0) continue;
    const auto host = static_cast<std::size_t>(r);
    out += text(out.empty() ? "" : ", ", "rank ", r, host < hosts_.size() ? text(" on ", hosts_[host]) : std::string());
  }
  return out;
}

// Looks often at first, since most messages come soon, then ever more rarely.
void MpiRanks::wait() {
  using namespace std::chrono_literals;
  const auto begun = Clock::now();
  auto last_look = begun;
  double waited = 0;
  for (int looks = 0;; ++looks) {
    int pending = 0;
    check((*module_)->look(&pending));
    if (pending == 0) break;
    if (abandoned_) {
      give_up();
      fail("mpi", text(call_, ' ', calls_, ", given up by this rank"), "ranks that go on together", newest);
    }
    if (looks < 64) continue;
    // A process that was stopped itself, alone or with all others, has not waited meanwhile.
    const std::chrono::duration<double> since_look = Clock::now() - last_look;
    last_look = Clock::now();
    waited += std::min(since_look.count(), 1.0);
    broken_ = lost_ = waited > options_.timeout || ::getppid() != launcher_;
    if (waited > options_.timeout)
      fail("mpi", text("nothing from ", missing(), " for ", rounded(waited, 3), " s, in ", call_, ' ', calls_),
           text("a message to rank ", rank_), text("see whether it hangs or cannot be reached; ", newest));
    if (broken_) fail("mpi", "a launcher that has ended", "one that holds the ranks together", newest);
    look_for_failures();
    // What comes during a nap waits for an eighth longer at most.
    std::this_thread::sleep_for(std::clamp<std::chrono::nanoseconds>((Clock::now() - begun) / 8, 5us, 1ms));
  }
  cost_.seconds += std::chrono::duration<double>(Clock::now() - begun).count();
}

// What the caller's buffers are needed for is over before they go; what cannot be given up lets no further call be
// made.
void MpiRanks::give_up() {
  int left = 0;
  broken_ = true;
  check((*module_)->give_up(&left));
  lost_ = left > 0;
}

void MpiRanks::look_for_failures() {
  int there = 0;
  check((*module_)->probe(failing, &there));
  if (there == 0) return;
  told_ = true;
  give_up();
  fail("mpi", text("a rank that fails, in ", call_, ' ', calls_), "ranks that go on together", newest);
}

std::vector<std::string> MpiRanks::fail_together(std::string_view why, double seconds) {
  leaving_ = Leaving::never;
  if (lost_) return {};
  const auto ranks = static_cast<std::size_t>(size_), own = static_cast<std::size_t>(rank_);
  static std::vector<std::array<char, most_of_why>> whys(ranks);  // messages of those that do not come stay under way
  if (!told_) std::ranges::copy(why.substr(0, most_of_why - 1), whys[own].begin());
  for (std::size_t r = 0; r < ranks; ++r) {
    if (r == own) continue;
    check((*module_)->receive(whys[r].data(), most_of_why, static_cast<int>(r), failing));
    check((*module_)->send(whys[own].data(), most_of_why, static_cast<int>(r), failing));
  }
  int pending = 1;
  for (const auto begun = Clock::now(); pending > 0;) {
    if (Clock::now() - begun > std::chrono::duration<double>(seconds)) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    check((*module_)->look(&pending));
  }
  leaving_ = Leaving::at_once;
  std::vector<std::string> out;
  for (const auto& one : whys) out.emplace_back(one.data());
  return out;
}

void MpiRanks::require_sizes(const char* call, std::span<const std::int64_t> sizes, std::size_t room) const {
  std::size_t sum = 0;
  bool fine = sizes.size() == static_cast<std::size_t>(size_);
  for (const std::int64_t size : sizes) {
    fine = fine && size >= 0 && static_cast<std::size_t>(size) <= room - sum;
    if (fine) sum += static_cast<std::size_t>(size);
  }
  if (!fine || sum != room)
    fail(call, text("sizes of ", sizes.size(), " ranks for ", room, " bytes"),
         text("sizes of ", size_, " ranks that add up to that"));
}

void MpiRanks::broadcast(std::span<std::byte> bytes, int from) {
  do {
    const std::span<std::byte> part = bytes.first(std::min(bytes.size(), most_of_broadcast));
    begin(broadcasting);
    if (rank_ != from) receive(part, from);
    for (int r = 0; r < size_ && rank_ == from; ++r)
      if (r != from) send(part, r);
    wait();
    bytes = bytes.subspan(part.size());
  } while (!bytes.empty());
}

void MpiRanks::gather(std::span<const std::byte> own, std::span<const std::int64_t> bytes, std::span<std::byte> all) {
  require_sizes("gather", bytes, all.size());
  if (own.size() != static_cast<std::size_t>(bytes[static_cast<std::size_t>(rank_)]))
    fail("gather", text(own.size(), " bytes of rank ", rank_), text(bytes[static_cast<std::size_t>(rank_)]));
  begin(gathering);
  std::size_t at = 0;
  for (int r = 0; r < size_; ++r) {
    const std::span<std::byte> place = all.subspan(at, static_cast<std::size_t>(bytes[static_cast<std::size_t>(r)]));
    at += place.size();
    if (r != rank_) receive(place, r);
    else if (!own.empty()) std::memcpy(place.data(), own.data(), own.size());
  }
  for (int r = 0; r < size_; ++r)
    if (r != rank_) send(own, r);
  wait();
}

void MpiRanks::exchange(std::span<const std::byte> own, std::span<const std::int64_t> sizes, std::span<std::byte> got,
                        std::span<const std::int64_t> got_sizes) {
  require_sizes("exchange", sizes, own.size());
  require_sizes("exchange", got_sizes, got.size());
  if (sizes[static_cast<std::size_t>(rank_)] != got_sizes[static_cast<std::size_t>(rank_)])
    fail("exchange", text(sizes[static_cast<std::size_t>(rank_)], " bytes from rank ", rank_, " to itself"),
         text(got_sizes[static_cast<std::size_t>(rank_)]));
  begin(exchanging);
  std::size_t at = 0;
  std::span<std::byte> place_of_own;
  for (int r = 0; r < size_; ++r) {
    const std::span<std::byte> place =
        got.subspan(at, static_cast<std::size_t>(got_sizes[static_cast<std::size_t>(r)]));
    at += place.size();
    if (r != rank_) receive(place, r);
    else place_of_own = place;
  }
  at = 0;
  for (int r = 0; r < size_; ++r) {
    const std::span<const std::byte> piece =
        own.subspan(at, static_cast<std::size_t>(sizes[static_cast<std::size_t>(r)]));
    at += piece.size();
    if (r != rank_) send(piece, r);
    else if (!piece.empty()) std::memcpy(place_of_own.data(), piece.data(), piece.size());
  }
  wait();
}

}  // namespace ebb::parallel
