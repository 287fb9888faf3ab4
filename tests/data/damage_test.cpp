// Damaged files of CIFAR, archives and tables: every prefix and random damage, compared with readers written here.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <map>
#include <optional>

#include "data/cifar.h"
#include "data/csv.h"
#include "tests/data/packed.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

using test::AllocationWatch;
using test::Bytes;
using test::cifar;
using test::Dice;
using test::gzip;
using test::mutate_bytes;
using test::tar;
using test::TarEntry;

enum class Outcome { refused, equal, wrong };

// `read` must throw an Error, or return true for the right contents, and never hold more than `allowed` bytes.
template <class Read>
Outcome outcome_of(std::size_t allowed, const Read& read) {
  const AllocationWatch watch;
  Outcome outcome = Outcome::refused;
  try {
    outcome = read() ? Outcome::equal : Outcome::wrong;
  } catch (const Error&) {
  }
  return watch.peak_bytes() > allowed ? Outcome::wrong : outcome;
}

// Pixels and labels as plain bytes, labels first.
using Plain = std::vector<int>;

// Readers that trust their file: nothing where it makes no sense to them.
std::optional<Plain> naive_cifar(const Bytes& file, CifarFormat format) {
  const std::size_t head = format == CifarFormat::cifar10 ? 1 : 2;
  if (file.empty() || file.size() % (head + 3072) != 0) return std::nullopt;
  Plain labels, pixels;
  for (std::size_t at = 0; at < file.size(); at += head + 3072) {
    labels.push_back(static_cast<int>(file[at + (format == CifarFormat::cifar100_fine ? 1 : 0)]));
    for (std::size_t y = 0; y < 32; ++y)
      for (std::size_t x = 0; x < 32; ++x)
        for (std::size_t c = 0; c < 3; ++c) pixels.push_back(static_cast<int>(file[at + head + c * 1024 + y * 32 + x]));
  }
  labels.insert(labels.end(), pixels.begin(), pixels.end());
  return labels;
}

bool same(const CifarRecords& got, const std::optional<Plain>& wanted) {
  Plain plain;
  for (const std::uint8_t label : got.labels.span<std::uint8_t>()) plain.push_back(label);
  for (const std::uint8_t pixel : got.pixels.span<std::uint8_t>()) plain.push_back(pixel);
  return wanted && plain == *wanted;
}

// The bytes of the last component `name` in a plain ustar archive. `special` says that there are entries of which only
// a complete reader knows the meaning.
Bytes naive_tar(const Bytes& archive, const std::string& name, bool& special) {
  for (std::size_t at = 0; at + 512 <= archive.size();) {
    const char* const header = reinterpret_cast<const char*>(archive.data()) + at;
    if (std::all_of(header, header + 512, [](char c) { return c == 0; })) break;
    if (static_cast<signed char>(header[124]) < 0) special = true;  // a size in binary
    const std::size_t size = std::strtoull(std::string(header + 124, 12).c_str(), nullptr, 8);
    const char type = header[156];
    if (std::strchr("0257", type) == nullptr && type != 0) special = true;
    std::string path(header, strnlen(header, 100));
    path = path.substr(path.rfind('/') + 1);
    at += 512;
    if (path == name && (type == '0' || type == '7' || type == 0) && at + size <= archive.size())
      return Bytes(archive.begin() + static_cast<std::ptrdiff_t>(at),
                   archive.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += (size + 511) / 512 * 512;
  }
  return {};
}

std::optional<Plain> naive_csv(const std::string& text, std::size_t columns) {
  Plain out;
  std::string number;
  std::size_t in_line = 0;
  const auto end_number = [&] {
    if (number.empty()) return;
    out.push_back(std::atoi(number.c_str()));
    ++in_line;
    number.clear();
  };
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) number += c;
    if (c == ',' || c == '\n') end_number();
    if (c != '\n') continue;
    if (in_line != columns) return std::nullopt;
    in_line = 0;
  }
  end_number();
  if (in_line != 0 && in_line != columns) return std::nullopt;
  return out;
}

// As the readers hold the bytes once in pieces and once as tensors.
std::size_t twice(const Bytes& bytes) { return 2 * bytes.size() + (std::size_t{160} << 10); }
// ... and zlib's window and libarchive's buffer beside it.
std::size_t packed(const Bytes& plain, const Bytes& file) {
  return 2 * std::max(plain.size(), file.size()) + (std::size_t{320} << 10);
}

Outcome read_records(const Bytes& file, CifarFormat format) {
  return outcome_of(twice(file), [&] {
    MemorySource source(file, "sample");
    return same(read_cifar(source, file.size(), format), naive_cifar(file, format));
  });
}

Outcome read_archive(const Bytes& file, const Bytes& plain) {
  bool special = false;
  const Bytes wanted = naive_tar(plain, "test_batch.bin", special);
  return outcome_of(packed(plain, file), [&] {
    MemorySource source(file, "sample");
    const CifarRecords got = read_cifar_archive(source, Split::test, CifarFormat::cifar10, true);
    return special || same(got, naive_cifar(wanted, CifarFormat::cifar10));
  });
}

Outcome read_table(const std::string& text, std::int64_t columns) {
  const Bytes file = test::bytes_of(text);
  return outcome_of(twice(file) + 4 * file.size(), [&] {
    MemorySource source(file, "sample");
    const Tensor got = read_csv(source, columns);
    const auto wanted = naive_csv(text, static_cast<std::size_t>(columns));
    const auto numbers = got.span<std::uint8_t>();
    return wanted && Plain(numbers.begin(), numbers.end()) == *wanted && got.dim(1) == columns;
  });
}

std::vector<TarEntry> archive_files() {
  return {{"set/readme.html", test::bytes_of("<p>Read me.")},
          {"set/test_batch.bin", cifar({{3}, {8}})},
          {"set/batches.meta.txt", test::bytes_of("cat\ndog\n")}};
}

const std::string table = "1,2,3,4\n16,0,255,9\n7,7,7,7\n0,10,100,200\n";

using Outcomes = std::map<Outcome, int>;

BOOST_AUTO_TEST_SUITE(damaged_files)

BOOST_AUTO_TEST_CASE(every_prefix_of_records) {
  for (const CifarFormat format : {CifarFormat::cifar10, CifarFormat::cifar100_fine}) {
    const Bytes file = format == CifarFormat::cifar10 ? cifar({{1}, {2}}) : cifar({{1, 2}, {3, 4}});
    Outcomes outcomes;
    for (std::size_t size = 0; size <= file.size(); ++size)
      ++outcomes[read_records({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}, format)];
    BOOST_TEST(outcomes[Outcome::wrong] == 0);
    BOOST_TEST(outcomes[Outcome::equal] == 2);  // one record, and both
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_and_bit_of_an_archive) {
  const Bytes plain = tar(archive_files());
  const Bytes file = gzip(plain);
  Outcomes prefixes, bits;
  for (std::size_t size = 0; size < file.size(); ++size)
    ++prefixes[read_archive({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}, plain)];
  BOOST_TEST(prefixes[Outcome::refused] == static_cast<int>(file.size()));
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    Bytes copy = file;
    copy[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    ++bits[read_archive(copy, plain)];
  }
  BOOST_TEST(bits[Outcome::wrong] == 0);
  BOOST_TEST(bits[Outcome::equal] < 8 * 10);  // fields of gzip's header that say nothing about the contents
}

// Cut off before it was packed: all of the file or an error.
BOOST_AUTO_TEST_CASE(every_prefix_inside_an_archive) {
  const Bytes plain = tar(archive_files());
  Outcomes outcomes;
  for (std::size_t size = 0; size < plain.size(); size += 7) {
    const Bytes prefix(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size));
    ++outcomes[read_archive(gzip(prefix, 1), prefix)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::refused] > 900);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_bit_of_a_table) {
  Outcomes outcomes;
  for (std::size_t size = 0; size <= table.size(); ++size) ++outcomes[read_table(table.substr(0, size), 4)];
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::equal] >= 8);
  for (std::size_t bit = 0; bit < table.size() * 8; ++bit) {
    std::string copy = table;
    copy[bit / 8] = static_cast<char>(copy[bit / 8] ^ (1 << bit % 8));
    ++outcomes[read_table(copy, 4)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
}

BOOST_AUTO_TEST_CASE(random_mutations_of_records) {
  Outcomes outcomes;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    Dice dice(seed);
    const CifarFormat format = dice.chance(50) ? CifarFormat::cifar10 : CifarFormat::cifar100_coarse;
    const std::size_t record = format == CifarFormat::cifar10 ? 3073 : 3074;
    Bytes file = record == 3073 ? cifar({{1}, {9}}) : cifar({{1, 99}, {19, 4}});
    for (std::size_t n = 1 + dice.below(3); n > 0; --n) {
      if (dice.chance(20)) file[dice.below(2) * record % file.size()] = static_cast<std::byte>(dice.below(256));
      else mutate_bytes(file, dice);
      if (file.empty()) break;
    }
    if (dice.chance(60)) file.resize(std::max<std::size_t>(1, (file.size() + record / 2) / record) * record);
    ++outcomes[read_records(file, format)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::equal] > test::some_of(4000));
  BOOST_TEST(outcomes[Outcome::refused] > test::some_of(4000));
}

BOOST_AUTO_TEST_CASE(random_mutations_of_archives) {
  const Bytes whole = tar(archive_files());
  const std::array<std::size_t, 3> headers{0, 1024, 1024 + 512 + 6656};
  Outcomes outcomes;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    Dice dice(seed);
    Bytes plain = whole;
    Bytes file;
    if (dice.chance(25)) {  // damaged after it was packed: the checksum must tell
      file = gzip(plain, dice.chance(50) ? 0 : 6);
      for (std::size_t n = 1 + dice.below(3); n > 0; --n) mutate_bytes(file, dice);
    } else {
      for (std::size_t n = 1 + dice.below(2); n > 0; --n) {
        std::byte* const header = plain.data() + headers.at(dice.below(3));
        switch (dice.below(6)) {
          case 0: header[dice.below(512)] = static_cast<std::byte>(dice.below(256)); break;
          case 1: header[124 + dice.below(12)] = static_cast<std::byte>('0' + dice.below(8)); break;
          case 2: header[156] = static_cast<std::byte>("01257xgLKSVDAN3"[dice.below(15)]); break;
          case 3: std::memcpy(header, "test_batch.bin", 15); break;
          case 4: std::memset(header + dice.below(500), static_cast<int>(dice.below(2) * 0xFF), 12); break;
          default: plain[dice.below(plain.size())] ^= std::byte{16}; break;
        }
        if (dice.chance(80)) test::sign_tar_header(header);
      }
      if (dice.chance(15)) mutate_bytes(plain, dice);
      file = gzip(plain, 1);
    }
    ++outcomes[read_archive(file, plain)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::equal] > test::some_of(3000));
  BOOST_TEST(outcomes[Outcome::refused] > test::some_of(3000));
}

BOOST_AUTO_TEST_CASE(random_mutations_of_tables) {
  const std::string alphabet = "0123456789,,,\n\n\r -+.e\t\"";
  Outcomes outcomes;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    Dice dice(seed);
    std::string text = table;
    for (std::size_t n = 1 + dice.below(3); n > 0 && !text.empty(); --n) {
      const std::size_t at = dice.below(text.size());
      switch (dice.below(6)) {
        case 0: text[at] = alphabet[dice.below(alphabet.size())]; break;
        case 1: text.insert(at, 1, alphabet[dice.below(alphabet.size())]); break;
        case 2: text.erase(at, 1 + dice.below(3)); break;
        case 3: text.insert(at, text.substr(dice.below(text.size()), dice.below(12))); break;
        case 4: {
          const std::size_t line = text.find('\n', at);
          if (line != std::string::npos) text.insert(line, 1, '\r');
          break;
        }
        default: {
          Bytes bytes = test::bytes_of(text);
          mutate_bytes(bytes, dice);
          text = test::text_of(bytes);
        }
      }
    }
    ++outcomes[read_table(text, 4)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::equal] > test::some_of(1000));
  BOOST_TEST(outcomes[Outcome::refused] > test::some_of(5000));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
