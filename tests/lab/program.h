// Runs the program `ebb` on small data that were made up.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "framework/tensor/error.h"
#include "framework/tensor/random.h"

namespace ebb::test {

struct Finished {
  int status = -1;     // 128 + signal when it was killed
  std::string output;  // standard output and error
};

// Runs a shell command.
inline Finished shell(const std::string& command) {
  Finished result;
  std::FILE* const pipe = popen((command + " 2>&1 </dev/null").c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  std::array<char, 4096> part{};
  for (std::size_t n = 0; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
    result.output.append(part.data(), n);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// The program without gnuplot and git, which it can do without: faster.
inline std::string program() { return std::string("PATH=/nowhere ").append(EBB_PROGRAM).append(" "); }

// Runs it.
inline Finished ebb(const std::string& arguments) { return shell(program() + arguments); }

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A whole file.
inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Ten classes of 28 x 28 images in MNIST's files: class c is a bright bar in rows 2c .. 2c+3 over noise.
inline void write_idx(const std::filesystem::path& directory, const std::string& stem, std::uint32_t count,
                      const Rng& rng) {
  std::string images, labels;
  const auto big_endian = [](std::string& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  };
  for (const std::uint32_t word : {2051u, count, 28u, 28u}) big_endian(images, word);
  for (const std::uint32_t word : {2049u, count}) big_endian(labels, word);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint32_t>(rng.at("labels").below(10, i));
    labels += static_cast<char>(label);
    for (std::uint32_t p = 0; p < 784; ++p) {
      const std::uint32_t row = p / 28;
      const auto noise = rng.below(60, std::uint64_t{i} * 784 + p);
      images += static_cast<char>(noise + (row >= 2 * label && row < 2 * label + 4 ? 180 : 0));
    }
  }
  std::ofstream(directory / (stem + "-images-idx3-ubyte"), std::ios::binary) << images;
  std::ofstream(directory / (stem + "-labels-idx1-ubyte"), std::ios::binary) << labels;
}

// A directory with small data, and room for runs.
struct SmallData {
  explicit SmallData(std::uint32_t samples = 400)
      : root(std::filesystem::temp_directory_path() / text("ebb-program-test-", getpid())) {
    std::filesystem::create_directories(root / "data");
    write_idx(root / "data", "train", samples, Rng(1));
    write_idx(root / "data", "t10k", samples / 4, Rng(2));
  }
  ~SmallData() { std::filesystem::remove_all(root); }
  SmallData(const SmallData&) = delete;
  SmallData& operator=(const SmallData&) = delete;

  // The arguments of a training in the run directory `out`.
  std::string train(const std::string& out, const std::string& more) const {
    return "train mnist --data " + (root / "data").string() + " --batch 20 --out " + (root / out).string() + ' ' + more;
  }
  std::string resume(const std::string& out, const std::string& more = {}) const {
    return "resume " + (root / out).string() + ' ' + more;
  }
  nlohmann::json summary(const std::string& out) const {
    std::ifstream file(root / out / "summary.json");
    return nlohmann::json::parse(file);
  }
  std::filesystem::path root;
};

}  // namespace ebb::test
