// Records of CIFAR behind a byte that says of which kind: labels and pixels are those of the file.
#include <array>
#include <cstring>

#include "data/cifar.h"
#include "framework/tensor/error.h"
#include "tests/data/packed.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

constexpr std::array formats{CifarFormat::cifar10, CifarFormat::cifar100_fine, CifarFormat::cifar100_coarse};

std::size_t head_of(CifarFormat format) { return format == CifarFormat::cifar10 ? 1 : 2; }

Verdict run(const Bytes& input) {
  if (input.empty()) return Verdict::refused;
  const CifarFormat format = formats[static_cast<std::size_t>(input[0]) % formats.size()];
  const Bytes file(input.begin() + 1, input.end());
  return attempt([&] {
    MemorySource source(file, "input");
    const CifarRecords got = read_cifar(source, file.size(), format);
    const std::size_t head = head_of(format), record = head + 3072;
    const auto count = static_cast<std::int64_t>(file.size() / record);
    require(file.size() % record == 0 && got.labels.shape() == Shape{count} &&
                got.pixels.shape() == Shape{count, 32, 32, 3},
            "records are whole");
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(file.data());
    for (std::size_t r = 0; r < static_cast<std::size_t>(count); ++r) {
      const std::uint8_t label = bytes[r * record + (format == CifarFormat::cifar100_fine ? 1 : 0)];
      require(got.labels.data<std::uint8_t>()[r] == label, "labels are the file's");
      require(label < (format == CifarFormat::cifar10         ? 10
                       : format == CifarFormat::cifar100_fine ? 100
                                                              : 20),
              "labels are in range");
      const std::uint8_t* const pixels = got.pixels.data<std::uint8_t>() + r * 3072;
      for (std::size_t i = 0; i < 3072; i += 97)
        require(pixels[i % 1024 * 3 + i / 1024] == bytes[r * record + head + i], "pixels are the file's");
    }
  });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (std::size_t kind = 0; kind < formats.size(); ++kind) {
    Bytes input{static_cast<std::byte>(kind)};
    const Bytes records = kind == 0 ? test::cifar({{3}, {9}}) : test::cifar({{19, 99}});
    input.insert(input.end(), records.begin(), records.end());
    out.push_back(input);
  }
  return out;
}

// Labels, and lengths that are whole records again.
void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  if (input.empty() || dice.chance(30)) return blindly(input);
  if (dice.chance(30)) input[0] = static_cast<std::byte>(dice.below(formats.size()));
  const std::size_t record = 3072 + head_of(formats[static_cast<std::size_t>(input[0]) % formats.size()]);
  input.resize(1 + (1 + dice.below(3)) * record);
  input[1 + dice.below(3) * record % (input.size() - 1) + dice.below(2)] = static_cast<std::byte>(dice.below(120));
}

}  // namespace

const Target cifar{"cifar", run, seeds, mutate};

}  // namespace ebb::fuzz
