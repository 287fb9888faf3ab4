// The fuzz targets without a fuzzer: seeds, everything that fuzzing ever found, and some random changes of both.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include "framework/tensor/error.h"
#include "tests/fuzz/target.h"
#include "tests/support/mutate.h"

namespace ebb::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const Target*, 18> targets{
    &safetensors, &import_torch, &checkpoint, &recipe,    &selector, &idx,    &archive, &cifar,       &csv,
    &run_log,     &evaluation,   &changes,    &diagnosis, &trial,    &audits, &picture, &picture_set, &npz};

// What broke, or nothing.
std::string problem_of(const Target& target, const Bytes& input) {
  try {
    target.run(input);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::vector<fs::path> findings_of(const Target& target) {
  const fs::path directory = fs::path(EBB_SOURCE_DIR) / "tests" / "fuzz" / "findings" / target.name;
  std::vector<fs::path> files;
  if (fs::exists(directory))
    for (const auto& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

Bytes contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file.good(), path);
  return test::bytes_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

// What changes begin with.
std::vector<Bytes> beginnings_of(const Target& target) {
  std::vector<Bytes> begin = target.seeds();
  for (const fs::path& finding : findings_of(target)) begin.push_back(contents_of(finding));
  return begin;
}

// One of them after a change or two.
Bytes changed(const Target& target, const std::vector<Bytes>& begin, std::uint64_t seed) {
  Dice dice(seed);
  Bytes input = begin[dice.below(begin.size())];
  for (std::size_t n = 1 + dice.below(2); n > 0; --n)
    target.mutate(input, dice, [&dice](Bytes& part) { test::mutate_bytes(part, dice); });
  return input;
}

BOOST_AUTO_TEST_SUITE(fuzz)

BOOST_AUTO_TEST_CASE(every_target_is_replayed) {
  std::vector<std::string> files, names;
  for (const auto& entry : fs::directory_iterator(fs::path(EBB_SOURCE_DIR) / "tests" / "fuzz")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with("_target.cpp")) files.push_back(name.substr(0, name.rfind('_')));
  }
  for (const Target* const target : targets) names.emplace_back(target->name);
  std::ranges::sort(files);
  std::ranges::sort(names);
  BOOST_TEST(files == names, boost::test_tools::per_element());
}

// tests/fuzz.sh gives each target the dictionary of its name, or what others.txt says.
BOOST_AUTO_TEST_CASE(every_target_has_a_dictionary_or_a_reason) {
  const fs::path folder = fs::path(EBB_SOURCE_DIR) / "tests" / "fuzz" / "dictionaries";
  const auto has_words = [&](const std::string& name) { return fs::exists(folder / (name + ".dict")); };
  std::map<std::string, std::string> others;
  std::ifstream list(folder / "others.txt");
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string target, other, reason;
    words >> target >> other >> reason;
    if (target == "#") continue;
    others[target] = other;
    BOOST_TEST((other == "-" ? !reason.empty() : has_words(other)), line);
  }
  for (const Target* const target : targets)
    BOOST_TEST(has_words(target->name) != others.contains(target->name), target->name);
}

BOOST_AUTO_TEST_CASE(seeds_are_read) {
  for (const Target* const target : targets) {
    const std::vector<Bytes> seeds = target->seeds();
    BOOST_TEST(!seeds.empty(), target->name);
    for (std::size_t i = 0; i < seeds.size(); ++i)
      BOOST_TEST((target->run(seeds[i]) == Verdict::read), target->name << ", seed " << i);
  }
}

BOOST_AUTO_TEST_CASE(findings_stay_mended) {
  for (const Target* const target : targets)
    for (const fs::path& finding : findings_of(*target))
      BOOST_TEST(problem_of(*target, contents_of(finding)) == "", finding);
}

// Mutations reach both sides of every reader: enough inputs are read, and enough refused.
BOOST_AUTO_TEST_CASE(random_changes_are_read_or_refused) {
  for (const Target* const target : targets) {
    const std::vector<Bytes> begin = beginnings_of(*target);
    int read = 0, refused = 0;
    std::string first_problem;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      try {
        ++(target->run(changed(*target, begin, seed)) == Verdict::read ? read : refused);
      } catch (const std::exception& error) {
        if (first_problem.empty()) first_problem = text(target->name, ", seed ", seed, ": ", error.what());
      }
    }
    BOOST_TEST(first_problem == "");
    BOOST_TEST(read > 10, target->name << " read " << read);
    BOOST_TEST((refused > 30 || std::string_view(target->name) == "run_log"), target->name << " refused " << refused);
  }
}

// EBB_FUZZ_SECONDS: changes that no run before made, for so long in all; the gate asks for them. EBB_FUZZ_FIRST, as it
// is printed, makes those of an earlier run again.
BOOST_AUTO_TEST_CASE(new_changes_are_read_or_refused) {
  const char* const asked = std::getenv("EBB_FUZZ_SECONDS");
  if (asked == nullptr) return;
  const char* const again = std::getenv("EBB_FUZZ_FIRST");
  const auto now = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  const std::uint64_t first = again == nullptr ? now : std::strtoull(again, nullptr, 10);
  const std::chrono::duration<double> each(std::atof(asked) / static_cast<double>(targets.size()));
  for (const Target* const target : targets) {
    const std::vector<Bytes> begin = beginnings_of(*target);
    std::cout << target->name << ": EBB_FUZZ_FIRST=" << first << std::flush;  // before a sanitizer ends the program
    const auto end = std::chrono::steady_clock::now() + each;
    std::uint64_t seed = first;
    for (; std::chrono::steady_clock::now() < end; ++seed) {
      const std::string problem = problem_of(*target, changed(*target, begin, seed));
      BOOST_REQUIRE_MESSAGE(problem.empty(), target->name << ", change " << seed << ": " << problem);
    }
    std::cout << ", " << seed - first << " inputs\n";
    BOOST_TEST(seed > first);
  }
}

// A target that breaks a promise is a finding, not a refusal.
BOOST_AUTO_TEST_CASE(a_broken_promise_is_no_refusal) {
  BOOST_CHECK_THROW(attempt([] { require(false, "nothing"); }), Violation);
  BOOST_CHECK_THROW(attempt([] { throw std::length_error("vector"); }), std::length_error);
  BOOST_TEST((attempt([] { fail("input", "nonsense", "sense"); }) == Verdict::refused));
  BOOST_TEST((attempt([] {}) == Verdict::read));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fuzz_pictures_slow)

// What a picture and a packed set are made of is changed, and lengths and checksums are made right again.
BOOST_AUTO_TEST_CASE(twenty_thousand_changes_of_each_format_are_read_or_refused) {
  constexpr std::uint64_t changes = 20'000;
  struct Format {
    const char* name;
    const Target& target;
    std::byte first;  // of its files; 0: any
  };
  for (const Format& format : {Format{"PNG", picture, std::byte{0x89}}, Format{"JPEG", picture, std::byte{0xFF}},
                               Format{"packed sets", picture_set, std::byte{0}}}) {
    std::vector<Bytes> begin = beginnings_of(format.target);
    if (format.first != std::byte{0})
      std::erase_if(begin, [&](const Bytes& seed) { return seed.empty() || seed.front() != format.first; });
    BOOST_REQUIRE(begin.size() >= 2U);
    std::uint64_t read = 0;
    double slowest = 0;
    for (std::uint64_t seed = 0; seed < changes; ++seed) {
      const Bytes input = changed(format.target, begin, seed);
      const auto start = std::chrono::steady_clock::now();
      try {
        read += format.target.run(input) == Verdict::read ? 1 : 0;
      } catch (const std::exception& error) {
        BOOST_ERROR(format.name << ", change " << seed << ": " << error.what());
      }
      slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    BOOST_TEST(slowest < 2, format.name);
    BOOST_TEST(read > changes / 20, format.name);
    BOOST_TEST(read < changes - changes / 20, format.name);
    std::cout << format.name << ": " << changes << " changes, " << read << " read, " << changes - read
              << " refused, the slowest in " << 1000 * slowest << " ms\n";
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::fuzz
