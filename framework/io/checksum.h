/// \file
/// Checksums of bytes, files and models: SHA-256 names contents, CRC-32 finds damage.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "framework/tensor/tensor.h"

namespace ebb {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;             ///< Leaves the other without a state: only destruction is allowed.
  Sha256& operator=(Sha256&&) noexcept;  ///< As above.

  /// Appends `bytes`.
  void add(std::span<const std::byte> bytes);

  /// The digest of everything added, 64 lower-case hexadecimal digits. Ends the computation: add nothing after it.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);

/// SHA-256 of the contents of a file, as sha256sum(1) prints it.
/// \throws Error when the file cannot be read.
std::string sha256_file(const std::filesystem::path& path);

/// SHA-256 of named tensors, e.g. of the state of a model: equal if and only if names, dtypes, shapes and bits are
/// (-0 differs from +0). Each tensor adds, in the order of names: the length of its name as a u64, the name, the
/// name of its dtype ("f32"), its rank and dimensions as i64, its bytes; all numbers little-endian.
/// \throws Error when a tensor is undefined.
std::string sha256(const std::map<std::string, Tensor>& tensors);

/// CRC-32 (the one of zlib and gzip; polynomial 0xEDB88320 reflected) of `bytes`.
/// \param so_far the value for the bytes before, when they come in pieces.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t so_far = 0);

}  // namespace ebb
