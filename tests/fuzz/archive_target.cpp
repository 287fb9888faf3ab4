// Tar archives, plain and packed: every file is as long as announced, and CIFAR's archives are read whole or not at
// all.
#include <array>
#include <cstring>

#include "data/cifar.h"
#include "data/gzip.h"
#include "data/tar.h"
#include "framework/tensor/error.h"
#include "tests/fuzz/packing.h"

namespace ebb::fuzz {
namespace {

// Goes through all files, and returns the bytes of the one called test_batch.bin.
Bytes walk(ByteSource& source) {
  Bytes found;
  TarReader reader(source);
  std::array<std::byte, 4096> piece;
  while (reader.next()) {
    const bool wanted = std::string_view(reader.path()).ends_with("test_batch.bin");
    const std::uint64_t announced = reader.size();
    if (announced > largest) continue;  // a sparse file: as long as it likes
    std::uint64_t size = 0;
    for (std::size_t n = 0; (n = reader.contents().read(piece)) > 0; size += n)
      if (wanted) found.insert(found.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    require(size == announced, "a file is as long as announced");
  }
  return found;
}

Verdict run(const Bytes& input) {
  MemorySource source(input, "input");
  if (!looks_packed(input)) return attempt([&] { walk(source); });
  return attempt([&] {
    const CifarRecords got = read_cifar_archive(source, Split::test, CifarFormat::cifar10, true);
    MemorySource again(input, "input");
    GzipSource plain(again);
    const Bytes records = walk(plain);
    require(records.size() == static_cast<std::size_t>(got.labels.size()) * 3073, "all records are read");
    for (std::int64_t i = 0; i < got.labels.size(); ++i)
      require(
          got.labels.data<std::uint8_t>()[i] == static_cast<std::uint8_t>(records[static_cast<std::size_t>(i) * 3073]),
          "labels are the archive's");
  });
}

std::vector<Bytes> seeds() {
  const Bytes small = test::tar({{"set/readme.html", test::bytes_of("<p>Read me.")},
                                 {"set/link", {}, '2'},
                                 {"set/", {}, '5'},
                                 {"set/empty", {}}});
  const Bytes set = test::tar({{"set/readme.html", test::bytes_of("<p>Read me.")},
                               {"set/test_batch.bin", test::cifar({{3}})},
                               {"set/batches.meta.txt", test::bytes_of("cat\ndog\n")}});
  const Bytes pax =
      test::tar({{"set/pax", test::bytes_of("24 path=set/renamed.bin\n"), 'x'}, {"set/x", test::bytes_of("x")}});
  return {small, set, pax, packed(set, 0), packed(set, 6)};
}

// Fields of a header, which is then signed.
void mutate_tar(Bytes& plain, Dice& dice, const Blindly& blindly) {
  if (plain.size() < 512 || dice.chance(20)) return blindly(plain);
  std::byte* const header = plain.data() + 512 * dice.below(plain.size() / 512);
  const auto put = [&](std::size_t at, std::string_view text) { std::memcpy(header + at, text.data(), text.size()); };
  switch (dice.below(9)) {
    case 0: header[dice.below(512)] = static_cast<std::byte>(dice.below(256)); break;
    case 1: header[124 + dice.below(12)] = static_cast<std::byte>('0' + dice.below(8)); break;
    case 2: header[156] = static_cast<std::byte>("01257xgLKSVDAMN3"[dice.below(16)]); break;
    case 3: put(0, "set/test_batch.bin"); break;
    case 4: std::memset(header + dice.below(500), static_cast<int>(dice.below(2) * 0xFF), 12); break;
    case 5: put(257, dice.chance(50) ? std::string_view("ustar  ", 8) : std::string_view("ustar\00000", 8)); break;
    case 6:
      put(124, std::string_view("\x80\0\0\0\0\0\0\0\0\0\0", 11));
      header[135] = static_cast<std::byte>(dice.below(256));
      header[126 + dice.below(9)] = static_cast<std::byte>(dice.below(256));
      break;
    case 7: {
      const Bytes copy(header, header + 512);
      plain.insert(plain.begin() + static_cast<std::ptrdiff_t>(512 * dice.below(plain.size() / 512)), copy.begin(),
                   copy.end());
      return;
    }
    default: plain.resize(plain.size() / 512 * 512 + 512 * dice.below(3)); return;
  }
  if (dice.chance(90)) test::sign_tar_header(header);
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  mutate_packed(input, dice, blindly, [&](Bytes& plain) { mutate_tar(plain, dice, blindly); });
}

}  // namespace

const Target archive{"archive", run, seeds, mutate};

}  // namespace ebb::fuzz
