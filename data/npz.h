/// \file
/// Tensors by name in archives of NumPy's: ZIP files with a member NAME.npy for each.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "framework/io/atomic_file.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// Reads all arrays of a file of numpy.savez() or numpy.savez_compressed(), by their names; see read_npy() for what
/// they may be. Files are not trusted: members that are no arrays, that stand twice, that are encrypted or packed
/// otherwise than by deflate, lengths and checksums that are not right, more than 65,536 members or none, names of more
/// than 512 bytes, and arrays that a file of this size cannot hold are refused.
/// \throws Error naming the file, the member and what is wrong.
std::map<std::string, Tensor> load_npz(const std::filesystem::path& file);

/// As above, from memory. \param where the name for messages.
std::map<std::string, Tensor> parse_npz(std::span<const std::byte> bytes, const std::string& where);

/// Writes tensors so that numpy.load() reads them, as a whole or not at all: in C's order, little-endian, not packed.
/// The same tensors give the same bytes.
/// \throws Error naming the file: it cannot be written, a name is none (empty, longer than 512 bytes or not printable
/// ASCII), or there are more than 65,536.
void save_npz(const std::filesystem::path& file, const std::map<std::string, Tensor>& tensors,
              Existing existing = Existing::replace);

}  // namespace ebb
