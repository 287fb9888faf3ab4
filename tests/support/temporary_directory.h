// A directory for the files of one test, removed with them at the end.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ebb::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  // Names of the files in it, sorted.
  std::vector<std::string> files() const;

 private:
  std::filesystem::path path_;
};

// Plain reading and writing, independent of the library. A regular file that is there is replaced by a new one.
std::vector<std::byte> file_bytes(const std::filesystem::path& path);
void put_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void put_file(const std::filesystem::path& path, std::string_view contents);

}  // namespace ebb::test
