/// \file
/// ZIP files and NumPy's arrays, made in memory.
#pragma once

#include <zlib.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/data/packed.h"

namespace ebb::test {

struct ZipMember {
  std::string name;
  Bytes contents;
  bool deflated = false;
};

namespace detail {

inline void put_word(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

inline void put_bytes(Bytes& out, const Bytes& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace detail

/// A ZIP file as NumPy writes it: lengths and checksums stand in front of the contents and in the directory behind.
inline Bytes zip(const std::vector<ZipMember>& members) {
  using detail::put_bytes, detail::put_word;
  Bytes out, directory;
  for (const ZipMember& member : members) {
    const Bytes packed = member.deflated ? deflated(member.contents, -15) : member.contents;
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(member.contents.data()), static_cast<uInt>(member.contents.size()));
    Bytes facts;  // what both headers say
    for (const std::uint64_t word : {std::uint64_t{20}, std::uint64_t{0}, std::uint64_t{member.deflated ? 8u : 0u},
                                     std::uint64_t{0}, std::uint64_t{0x21}})
      put_word(facts, word, 2);
    for (const std::uint64_t word :
         {std::uint64_t{crc}, std::uint64_t{packed.size()}, std::uint64_t{member.contents.size()}})
      put_word(facts, word, 4);
    put_word(facts, member.name.size(), 2);
    put_word(facts, 0, 2);
    const std::size_t begin = out.size();
    put_word(out, 0x04034b50, 4);
    put_bytes(out, facts);
    put_bytes(out, bytes_of(member.name));
    put_bytes(out, packed);
    put_word(directory, 0x02014b50, 4);
    put_word(directory, 20, 2);
    put_bytes(directory, facts);
    put_word(directory, 0, 6);
    put_word(directory, std::uint64_t{0100644} << 16, 4);
    put_word(directory, begin, 4);
    put_bytes(directory, bytes_of(member.name));
  }
  const std::size_t begin = out.size();
  put_bytes(out, directory);
  put_word(out, 0x06054b50, 4);
  put_word(out, 0, 4);
  put_word(out, members.size(), 2);
  put_word(out, members.size(), 2);
  put_word(out, directory.size(), 4);
  put_word(out, begin, 4);
  put_word(out, 0, 2);
  return out;
}

/// An array with this dictionary and these bytes, in version 1.0 of the format or a later one.
inline Bytes npy(std::string dictionary, const Bytes& numbers, int version = 1) {
  dictionary += '\n';
  Bytes out = bytes_of(std::string("\x93NUMPY") + static_cast<char>(version) + '\0');
  detail::put_word(out, dictionary.size(), version == 1 ? 2 : 4);
  detail::put_bytes(out, bytes_of(dictionary));
  detail::put_bytes(out, numbers);
  return out;
}

/// "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
inline std::string npy_facts(const std::string& type, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

}  // namespace ebb::test
