/// \file
/// Tensors in files of the safetensors format (https://github.com/huggingface/safetensors), which PyTorch, JAX, MLX
/// and others read and write: a little-endian length, a JSON header with names, dtypes, shapes and offsets, the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/atomic_file.h"
#include "framework/io/directory.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// The contents of a file.
struct TensorFile {
  std::map<std::string, Tensor> tensors;        ///< By name.
  std::map<std::string, std::string> metadata;  ///< What the writer noted, without our checksums.
  bool checked = false;                         ///< The file has our checksums, and they were right.
  std::int64_t not_finite = 0;                  ///< Numbers that are NaN or infinite.
};

/// How a file is read.
struct SafetensorsOptions {
  bool refuse_not_finite = false;  ///< NaN and infinite numbers are an error, not only counted.
};

/// Reads a file completely. F32, F64, I32, I64 and U8 come as they are, F16 and BF16 converted to f32 (exactly);
/// other types are refused. Files are not trusted: the header is at most 16 MB of strict JSON without duplicate keys
/// or anything else than the format knows, numbers are plain integers, at most 65,536 tensors with names of at most 512
/// bytes and at most six dimensions fill the data without gaps, overlaps or rest, metadata are strings, and checksums,
/// where save_safetensors() wrote them, must be right. No memory is asked for but what a checked header and the size of
/// the file account for.
/// \throws Error naming the file, what is wrong and, where it is about one, the tensor.
TensorFile load_safetensors(const std::filesystem::path& path, const SafetensorsOptions& options = {});

/// As above, for the file `name` of `directory`, where a symbolic link is refused.
TensorFile load_safetensors(const Directory& directory, const std::string& name,
                            const SafetensorsOptions& options = {});

/// As load_safetensors(), from memory.
/// \param where the name for messages.
TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view where,
                             const SafetensorsOptions& options = {});

/// Writes a file as a whole or not at all (see AtomicFile). Adds to the metadata a CRC-32 of each tensor's bytes
/// ("ebb.crc32.NAME") and one of everything else that is read ("ebb.crc32"), in hexadecimal; reading checks them.
/// \param tensors any dtype, up to 65,536, names of at most 512 bytes of UTF-8 and not "__metadata__".
/// \param metadata strings in UTF-8; keys that begin with "ebb.crc32" are taken.
/// \throws Error naming the file; the previous file stays as it was.
void save_safetensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {}, Existing existing = Existing::replace);

/// As above, for the file `name` of `directory`, where a symbolic link is refused.
void save_safetensors(const Directory& directory, const std::string& name, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// The bytes that save_safetensors() writes.
std::vector<std::byte> serialize_safetensors(const std::map<std::string, Tensor>& tensors,
                                             const std::map<std::string, std::string>& metadata = {});

}  // namespace ebb
