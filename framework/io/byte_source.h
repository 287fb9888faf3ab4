/// \file
/// Where readers get their bytes from: a file or memory, behind one interface, so that every reader can be tested
/// and fuzzed without files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "framework/io/directory.h"

namespace ebb {

/// A run of bytes that is read once, from the front. Not shared between threads.
class ByteSource {
 public:
  /// \param name how messages call it, usually the path of the file.
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Reads up to `out.size()` bytes and returns how many: 0 only at the end (or when `out` is empty).
  /// \throws Error naming the source and the cause when reading fails.
  virtual std::size_t read(std::span<std::byte> out) = 0;

  /// Fills `out`.
  /// \param what the part being read, for the message, e.g. "the header".
  /// \throws Error when the source ends before.
  void read_exactly(std::span<std::byte> out, std::string_view what);

  /// \throws Error when there are bytes left.
  void expect_end();

  const std::string& name() const { return name_; }  ///< How messages call it.

 private:
  std::string name_;
};

/// A regular file, read with read(2): a file that shrinks or grows while it is read gives an error, not a signal.
class FileSource : public ByteSource {
 public:
  /// Opens `path`; links are followed.
  /// \throws Error when the file cannot be opened or is not a regular file.
  explicit FileSource(const std::filesystem::path& path);

  /// Opens the file `name` of `directory`, where a link is refused.
  /// \throws Error as above.
  FileSource(const Directory& directory, const std::string& name);

  std::size_t read(std::span<std::byte> out) override;

  std::uint64_t size() const { return size_; }  ///< Bytes in the file when it was opened.

 private:
  void examine();

  Descriptor file_;
  std::uint64_t size_ = 0;
};

/// Bytes in memory, which must outlive the source.
class MemorySource : public ByteSource {
 public:
  /// \param name how messages call it.
  MemorySource(std::span<const std::byte> bytes, std::string name) : ByteSource(std::move(name)), rest_(bytes) {}

  std::size_t read(std::span<std::byte> out) override;

 private:
  std::span<const std::byte> rest_;
};

}  // namespace ebb
