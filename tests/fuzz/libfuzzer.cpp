// A target as a program for clang's libFuzzer. EBB_FUZZ_TARGET is its name in target.h. With --write-seeds=DIR it
// writes the target's seeds there, and ends.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>

#include "tests/fuzz/target.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

const ebb::fuzz::Target& target = ebb::fuzz::EBB_FUZZ_TARGET;

void write_seeds(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  int number = 0;
  for (const ebb::fuzz::Bytes& seed : target.seeds()) {
    std::ofstream file(directory / ("seed-" + std::to_string(number++)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!file.flush()) std::exit(1);
  }
}

// libFuzzer's own mutation of a part, which knows the dictionary and what comparisons have seen.
void mutate_blindly(ebb::fuzz::Bytes& part) {
  const std::size_t size = part.size(), most = size + std::max<std::size_t>(16, size / 4);
  part.resize(most);
  part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), size, most));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  constexpr std::string_view option = "--write-seeds=";
  for (int i = 1; i < *count; ++i) {
    const std::string_view argument = (*arguments)[i];
    if (!argument.starts_with(option)) continue;
    write_seeds(argument.substr(option.size()));
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  target.run({bytes, bytes + size});  // what it throws ends the program: a finding
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  ebb::fuzz::Dice dice(seed);
  if (dice.chance(30)) return LLVMFuzzerMutate(data, size, most);
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  ebb::fuzz::Bytes input(bytes, bytes + size);
  target.mutate(input, dice, mutate_blindly);
  if (input.size() > most) input.resize(most);
  std::ranges::copy(std::as_bytes(std::span(input)), reinterpret_cast<std::byte*>(data));
  return input.size();
}
