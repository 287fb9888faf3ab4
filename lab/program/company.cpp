#include "lab/program/company.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/program/program_name.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? "not set" : value;
}

// The processors that this process may run on, as a text.
std::string own_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string out;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) out += text(cpu, ' ');
  return out;
}

// "rank 1 on node2: " of a process that has not joined the others, as far as its launcher says.
std::string who_has_not_joined() {
  for (const char* const name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"}) {
    std::array<char, 256> host{};
    if (variable(name) == "not set" || ::gethostname(host.data(), host.size() - 1) != 0) continue;
    return text("rank ", variable(name), " on ", host.data(), ": ");
  }
  return {};
}

// MPICH's launcher lets the others wait for a process that has ended without having joined them. Its protocol, PMI 1,
// has a word for that.
void end_those_who_wait() {
  const std::string number = variable("PMI_FD");
  int launcher = -1;
  struct stat status {};
  if (std::from_chars(number.data(), number.data() + number.size(), launcher).ec != std::errc() || launcher <= 2 ||
      ::fstat(launcher, &status) != 0 || !S_ISSOCK(status.st_mode))
    return;
  constexpr std::string_view word = "cmd=abort exitcode=1\n";
  if (::send(launcher, word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;  // they end after a while
}

int say_who_cannot_join(const std::string& why) {
  complain() << printable(who_has_not_joined() + in_own_name(why)) << '\n' << std::flush;
  end_those_who_wait();
  return 1;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

std::string joined(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += out.empty() ? one : " " + one;
  return out;
}

}  // namespace

CommonKernels common_kernels(const std::vector<std::string>& sets) {
  std::vector<std::string> common = words(sets.front());
  for (const std::string& one : sets)
    std::erase_if(common, [has = words(one)](const std::string& set) { return std::ranges::count(has, set) == 0; });
  if (common.empty()) return {};
  const auto better = [&](const std::string& one) { return words(one).front() != common.front(); };
  const auto which = std::ranges::find_if(sets, better);
  if (which == sets.end()) return {.name = common.front(), .words = {}};
  return {.name = common.front(),
          .words = text(common.front(), " kernels, the best that all ranks have: ", std::ranges::count_if(sets, better),
                        " of ", sets.size(), " could use better ones, rank ", which - sets.begin(), ' ',
                        words(*which).front())};
}

Company::Company() {
  if (parallel::started_by_mpi()) {
    mpi_ = std::make_unique<parallel::MpiRanks>();
    // Open MPI's launcher says which rank has died.
    if (mpi_->library() == "MPICH")
      watch_ = std::make_unique<DeathWatch>(text(program_name(), ": rank ", mpi_->rank(), " on ", host(), " has died; ",
                                                 in_own_name("the newest checkpoint goes on with `ebb resume`")));
  } else if (variable("SLURM_PROCID") == "0" && std::atoi(variable("SLURM_STEP_NUM_TASKS").c_str()) > 1) {
    std::cerr << "ebb: srun has started " << variable("SLURM_STEP_NUM_TASKS")
              << " tasks, each of which trains by itself; srun --mpi=pmix makes them one training\n";
  }
}

std::string Company::host() { return mpi_ ? mpi_->hosts()[static_cast<std::size_t>(mpi_->rank())] : std::string(); }

void Company::begin(const Recipe& recipe) {
  if (alone()) return;
  mpi_->set_timeout(recipe.comm_timeout);
  parallel::Communicator& all = ranks();
  const char* const remedy = "install the same build of Ebb on all machines";
  all.agree("version", version(), remedy);
  all.agree("program", "SHA-256 " + sha256_file("/proc/self/exe"), remedy);
  all.agree("EBB_ARCH", variable("EBB_ARCH"), "set it on all machines, or on none");
  const std::vector<std::string> sets = all.gather_texts(joined(instruction_sets()));
  if (variable("EBB_ARCH") == "not set") {
    kernels_ = common_kernels(sets);
    if (kernels_.name.empty()) fail("kernels", "machines without a common instruction set", "processors of one kind");
    set_instruction_set(kernels_.name);
  }
  // Ranks that a launcher has bound to processors of their own have those to themselves.
  const std::string own = text(host(), ": ", own_processors());
  const auto sharing = std::ranges::count(all.gather_texts(own), own);
  if (recipe.threads == 0 && variable("EBB_THREADS") == "not set")
    parallel::set_thread_count(std::max(1, parallel::thread_count() / static_cast<int>(sharing)));
  const std::int64_t threads = recipe.threads > 0 ? recipe.threads : parallel::thread_count();
  fewest_threads_ = most_threads_ = static_cast<int>(threads);
  for (const std::string& one : all.gather_texts(text(threads))) {
    fewest_threads_ = std::min(fewest_threads_, std::stoi(one));
    most_threads_ = std::max(most_threads_, std::stoi(one));
  }
}

void Company::require_same(const Recipe& recipe) {
  if (alone()) return;
  const char* const remedy = "give all ranks the same recipe and settings";
  ranks().agree("recipe", text(recipe_keys(recipe).size(), " keys"), remedy);
  for (const RecipeKey& key : recipe_keys(recipe))
    if (!is_harmless(key.key)) ranks().agree(key.key, text('"', get(recipe, key.key), '"'), remedy);
  Recipe groups = blank_recipe(recipe.extensions);
  groups.groups = recipe.groups;
  const std::string table = to_toml(groups);
  ranks().agree("groups", "SHA-256 " + sha256(std::as_bytes(std::span(table))), remedy);
  if (ranks().size() > recipe.shards)
    fail("shards", text(recipe.shards, " with ", ranks().size(), " ranks"), "a shard or more for each rank",
         text("begin with --set shards=", std::bit_ceil(static_cast<unsigned>(ranks().size())),
              " or a larger power of two (a run keeps those that it has begun with), or take fewer ranks: mpirun -np ",
              recipe.shards));
}

void Company::require_same_data(const std::string& checksums) {
  ranks().agree("data", "SHA-256 " + checksums, "the same files must be on all machines");
}

std::string Company::share(std::string own) {
  if (alone()) return own;
  return ranks().gather_texts(leads() ? own : std::string()).front();
}

int Company::common_signal(int own) {
  for (const std::string& one : ranks().gather_texts(text(own)))
    if (one != "0") return std::stoi(one);
  return own;
}

void Company::begin_training() {
  if (!mpi_) return;
  link_ = measure_link(*mpi_);
}

std::vector<std::string> Company::costs(const Session& session, std::int64_t batches) {
  if (alone()) return {};
  const auto shards = static_cast<int>(session.recipe.shards);
  const GradientSize gradient = gradient_size(*session.model);
  const std::vector<RankCost> all =
      gather_costs(ranks(), {.host = host(),
                             .steps = batches,
                             .times = session.trainer.exchange_times(),
                             .sent = bytes_sent(gradient, mpi_->rank(), mpi_->size(), shards)});
  return cost_lines(all, link_, gradient, shards);
}

int Company::end(int status) { return alone() ? status : std::stoi(share(text(status))); }

std::string Company::header(const Session& session) {
  if (alone())
    return session.recipe.shards > 1 ? text(session.recipe.shards, " shards on one process\n") : std::string();
  const std::set<std::string> machines(mpi_->hosts().begin(), mpi_->hosts().end());
  const auto counted = [](std::int64_t count, const char* what) {
    return text(count, ' ', what, count == 1 ? "" : "s");
  };
  const auto shards = static_cast<int>(session.recipe.shards);
  const GradientSize gradient = gradient_size(*session.model);
  std::int64_t bytes = 0;
  for (int r = 0; r < mpi_->size(); ++r) bytes = std::max(bytes, bytes_sent(gradient, r, mpi_->size(), shards));
  return text(counted(mpi_->size(), "rank"), " of ", mpi_->library(), " on ",
              machines.size() == 1 ? *machines.begin() : text(machines.size(), " machines"), ", ",
              counted(shards, "shard"), ", ",
              fewest_threads_ < most_threads_ ? text(fewest_threads_, " to ") : std::string(),
              counted(most_threads_, "thread"), " each, up to ", grouped(bytes), " bytes of gradients a step and rank",
              mpi_->takes_turns() ? "" : "; gradients are sent when all are complete: this MPI serves one thread alone",
              kernels_.words.empty() ? "" : "; ", kernels_.words, '\n');
}

void require_no_company(const std::string& command) {
  if (parallel::started_by_mpi())
    fail(command, "several processes, of which each would do all of it", "a single one",
         "start it without the launcher of MPI; train and resume share their work out");
}

void Company::fail_together(const std::string& why) {
  using namespace std::chrono_literals;
  constexpr auto patience = 5s;  // for ranks that compute or read data
  const auto say = [&](std::size_t rank, const std::string& of) {
    complain() << printable(text("rank ", rank, " on ", mpi_->hosts()[rank], ": ", in_own_name(of))) << '\n'
               << std::flush;
  };
  const auto own = static_cast<std::size_t>(mpi_->rank());
  const std::chrono::duration<double> longest = mpi_->told() ? 2 * patience : patience;
  std::vector<std::string> whys;
  try {
    whys = mpi_->fail_together(why, longest.count());
  } catch (const std::exception&) {  // MPI's own failure is a consequence: what is told is the reason
  }
  if (whys.empty()) {
    // The launcher ends the others as soon as one has ended: first the one that has a reason, or rank 0 where all have.
    if (mpi_->told()) std::this_thread::sleep_for(2 * patience);
    else if (own > 0) std::this_thread::sleep_for(3s + own * 20ms);
    return say(own, why);
  }
  const auto first = std::ranges::find_if(whys, [](const std::string& one) { return !one.empty(); });
  if (leads() && first != whys.end()) say(static_cast<std::size_t>(first - whys.begin()), *first);
}

int in_company(const std::function<int(Company&)>& body) {
  std::optional<Company> company;
  std::string why;
  try {
    company.emplace();
    return body(*company);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (!company) return say_who_cannot_join(error.what());
    if (company->alone()) throw;
    why = error.what();
  }
  company->fail_together(why);
  return 1;
}

}  // namespace ebb
