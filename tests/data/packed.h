/// \file
/// Files as data sets come in, made in memory: gzip, tar, records of CIFAR.
#pragma once

#include <zlib.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/mutate.h"

namespace ebb::test {

/// What zlib makes of bytes. \param window 31: with gzip's header and checksums; -15: neither.
inline Bytes deflated(const Bytes& plain, int window, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, plain.size()) + 64);
  Bytes copy = plain;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Bytes gzip(const Bytes& plain, int level = 6) { return deflated(plain, 31, level); }

/// An entry of a tar archive.
struct TarEntry {
  std::string path;
  Bytes contents;
  char type = '0';
};

/// Writes the checksum into a header of 512 bytes.
inline void sign_tar_header(std::byte* header) {
  std::memset(header + 148, ' ', 8);
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i) sum += static_cast<unsigned>(header[i]);
  char field[8];
  std::snprintf(field, sizeof field, "%06o", sum & 0777777);
  std::memcpy(header + 148, field, 7);
}

/// A ustar archive with `blocks` blocks of zeros at its end.
inline Bytes tar(const std::vector<TarEntry>& entries, std::size_t blocks = 2) {
  Bytes out;
  for (const TarEntry& entry : entries) {
    Bytes header(512);
    const auto put = [&header](std::size_t at, const std::string& text) {
      std::memcpy(header.data() + at, text.data(), text.size());
    };
    char size[12];
    std::snprintf(size, sizeof size, "%011zo", entry.contents.size());
    put(0, entry.path);
    put(100, "0000644");
    put(108, "0001750");
    put(116, "0001750");
    put(124, size);
    put(136, "11145430120");
    header[156] = static_cast<std::byte>(entry.type);
    put(257, "ustar");
    put(263, "00");
    sign_tar_header(header.data());
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), entry.contents.begin(), entry.contents.end());
    out.resize((out.size() + 511) / 512 * 512);
  }
  out.resize(out.size() + 512 * blocks);
  return out;
}

/// Records of CIFAR: labels, then a pattern that tells planes, rows and records apart. One list of label bytes a
/// record.
inline Bytes cifar(const std::vector<std::vector<int>>& labels) {
  Bytes out;
  for (std::size_t record = 0; record < labels.size(); ++record) {
    for (const int label : labels[record]) out.push_back(static_cast<std::byte>(label));
    for (std::size_t i = 0; i < 3072; ++i)
      out.push_back(static_cast<std::byte>(i / 1024 * 80 + i % 32 * 2 + i / 32 % 32 + record));
  }
  return out;
}

}  // namespace ebb::test
