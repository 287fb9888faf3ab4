// Tables: the numbers that were read, printed, are the text but for line ends.
#include <array>

#include "data/csv.h"
#include "framework/tensor/error.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

constexpr std::int64_t columns = 4;

Verdict run(const Bytes& input) {
  return attempt([&] {
    MemorySource source(input, "input");
    const Tensor got = read_csv(source, columns);
    require(got.rank() == 2 && got.dim(1) == columns && got.dtype() == DType::u8, "a table has its columns");
    std::string printed;
    std::int64_t at = 0;
    for (const std::uint8_t number : got.span<std::uint8_t>())
      printed += std::to_string(number) + (++at % columns == 0 ? '\n' : ',');
    std::string plain;
    for (const std::byte byte : input)
      if (byte != std::byte{'\r'}) plain += static_cast<char>(byte);
    if (!plain.ends_with('\n')) plain += '\n';
    require(printed == plain, "a table is read as it stands");
  });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const char* const text : {"1,2,3,4\n", "0,16,255,9\r\n7,7,7,7\r\n", "1,2,3,4\n0,10,100,200"})
    out.push_back(test::bytes_of(text));
  return out;
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{"0",
                                    "1",
                                    "9",
                                    "10",
                                    "99",
                                    "100",
                                    "255",
                                    "256",
                                    "00",
                                    "-1",
                                    "1.5",
                                    "",
                                    ",",
                                    "\n",
                                    "\r\n",
                                    "4294967296",
                                    "18446744073709551616"};
  mutate_text(input, dice, blindly, words);
}

}  // namespace

const Target csv{"csv", run, seeds, mutate};

}  // namespace ebb::fuzz
