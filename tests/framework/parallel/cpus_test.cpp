#include "framework/parallel/cpus.h"

#include <sched.h>

#include <boost/test/unit_test.hpp>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

// EBB_THREADS for a scope; null: not set.
class Setting {
 public:
  explicit Setting(const char* value) {
    if (const char* const before = std::getenv("EBB_THREADS")) before_ = before;
    set(value);
  }
  ~Setting() { set(before_.empty() ? nullptr : before_.c_str()); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  static void set(const char* value) {
    if (value == nullptr) unsetenv("EBB_THREADS");
    else setenv("EBB_THREADS", value, 1);
  }
  std::string before_;
};

// A folder of its own that goes when the scope ends.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ebb-cpus-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail("test", "no temporary folder", "one");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

BOOST_AUTO_TEST_SUITE(cpus)

BOOST_AUTO_TEST_CASE(the_variable_decides) {
  for (const int count : {1, 2, 7, 1024}) {
    const Setting set(std::to_string(count).c_str());
    BOOST_TEST(parallel::default_thread_count() == count);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_variable_is_an_error) {
  for (const char* const wrong : {"0", "-1", "1025", "two", "2x", " 2", "2 ", "1.5", "99999999999999999999", "0x2"}) {
    const Setting set(wrong);
    BOOST_TEST(
        test::error_of([] { parallel::default_thread_count(); }) ==
        text("[EBB_THREADS] got \"", wrong, "\"; wanted a number from 1 to 1024; correct or unset the variable"));
  }
}

BOOST_AUTO_TEST_CASE(an_empty_variable_is_none) {
  int without = 0;
  {
    const Setting set(nullptr);
    without = parallel::default_thread_count();
  }
  const Setting set("");
  BOOST_TEST(parallel::default_thread_count() == without);
  BOOST_TEST(without >= 1);
}

BOOST_AUTO_TEST_CASE(the_affinity_mask_limits) {
  const Setting set(nullptr);
  cpu_set_t before;
  BOOST_REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  BOOST_TEST(parallel::default_thread_count() <= CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  BOOST_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  BOOST_TEST(parallel::default_thread_count() == 1);
  BOOST_REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}

BOOST_AUTO_TEST_CASE(control_groups_limit) {
  const Folder folder;
  const std::string groups = folder.write("cgroup", "12:cpuset:/old\n0::/a/b\n");
  const auto cpus = [&] { return parallel::cgroup_cpus(groups, folder.path() + "/sys"); };
  BOOST_TEST(cpus() == INT_MAX);
  folder.write("sys/a/b/cpu.max", "max 100000\n");
  BOOST_TEST(cpus() == INT_MAX);
  folder.write("sys/a/b/cpu.max", "400000 100000\n");
  BOOST_TEST(cpus() == 4);
  folder.write("sys/a/cpu.max", "250000 100000\n");  // the group above allows less; part of a CPU counts as one
  BOOST_TEST(cpus() == 3);
  folder.write("sys/cpu.max", "1000 100000\n");
  BOOST_TEST(cpus() == 1);
}

BOOST_AUTO_TEST_CASE(odd_control_group_files_do_not_limit) {
  const Folder folder;
  const std::string mount = folder.path() + "/sys";
  BOOST_TEST(parallel::cgroup_cpus(folder.path() + "/none", mount) == INT_MAX);
  for (const char* const groups : {"", "0::\n", "0::relative\n", "nonsense", "1:cpu:/x\n"})
    BOOST_TEST(parallel::cgroup_cpus(folder.write("cgroup", groups), mount) == INT_MAX);
  const std::string groups = folder.write("cgroup", "0::/\n");
  for (const char* const limit : {"", "max", "0 100000", "100000 0", "-5 3", "a b", "1e300 1e-300"}) {
    folder.write("sys/cpu.max", limit);
    BOOST_TEST(parallel::cgroup_cpus(groups, mount) == INT_MAX);
  }
  folder.write("sys/cpu.max", "200000 100000");
  BOOST_TEST(parallel::cgroup_cpus(groups, mount) == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
