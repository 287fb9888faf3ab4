#include "framework/tensor/random.h"

#include <cmath>
#include <numbers>

namespace ebb {
namespace {

constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }
constexpr std::uint64_t join(std::uint32_t lo, std::uint32_t hi) { return (std::uint64_t{hi} << 32) | lo; }

// Streams of one key that must not meet: numbers, numbered parts, named parts, seeds.
enum class Stream : std::uint32_t { numbers = 0, parts = 1, names = 2, seeds = 3 };

std::array<std::uint32_t, 4> draw(std::uint64_t key, std::uint64_t index, Stream stream) {
  return philox({low(index), high(index), 0, static_cast<std::uint32_t>(stream)}, {low(key), high(key)});
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c0;
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c2;
    c0 = high(b) ^ c1 ^ k0;
    c1 = low(b);
    c2 = high(a) ^ c3 ^ k1;
    c3 = low(a);
  }
  return {c0, c1, c2, c3};
}

Rng::Rng(std::uint64_t seed) {
  const auto words = draw(seed, 0, Stream::seeds);
  key_ = join(words[0], words[1]);
}

Rng Rng::at(std::string_view name) const {
  // FNV-1a turns the name into 64 bits; Philox mixes them with the key.
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  const auto words = draw(key_, hash, Stream::names);
  return from_key(join(words[0], words[1]));
}

Rng Rng::at(std::uint64_t index) const {
  const auto words = draw(key_, index, Stream::parts);
  return from_key(join(words[0], words[1]));
}

std::array<std::uint32_t, 4> Rng::block(std::uint64_t index) const { return draw(key_, index, Stream::numbers); }

std::uint64_t Rng::bits(std::uint64_t index) const {
  const auto words = block(index);
  return join(words[0], words[1]);
}

double Rng::uniform(std::uint64_t index) const { return static_cast<double>(bits(index) >> 11) * 0x1p-53; }

double Rng::normal(std::uint64_t index) const {
  const auto words = block(index);
  // 1 - u lies in (0, 1], where the logarithm is finite.
  const double u = 1.0 - static_cast<double>(join(words[0], words[1]) >> 11) * 0x1p-53;
  const double v = static_cast<double>(join(words[2], words[3]) >> 11) * 0x1p-53;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint64_t Rng::below(std::uint64_t n, std::uint64_t index) const {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((Wide{bits(index)} * n) >> 64);
}

Rng Rng::from_key(std::uint64_t key) {
  Rng rng;
  rng.key_ = key;
  return rng;
}

}  // namespace ebb
