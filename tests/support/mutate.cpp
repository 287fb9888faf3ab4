#include "tests/support/mutate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace ebb::test {
namespace {

constexpr std::array<std::uint64_t, 18> edges{0,
                                              1,
                                              2,
                                              3,
                                              7,
                                              0x7F,
                                              0x80,
                                              0xFF,
                                              0x100,
                                              0x7FFF,
                                              0xFFFF,
                                              0x7FFFFFFF,
                                              0x80000000,
                                              0xFFFFFFFF,
                                              0x100000000,
                                              0x7FFFFFFFFFFFFFFF,
                                              0x8000000000000000,
                                              0xFFFFFFFFFFFFFFFF};

const std::array<const char*, 40> words{"0",
                                        "1",
                                        "2",
                                        "4",
                                        "8",
                                        "16",
                                        "-1",
                                        "-0",
                                        "1.0",
                                        "1e3",
                                        "0.5",
                                        "1E400",
                                        "9007199254740993",
                                        "4294967296",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "null",
                                        "true",
                                        "[]",
                                        "{}",
                                        "\"\"",
                                        "\"F32\"",
                                        "\"F64\"",
                                        "\"I32\"",
                                        "\"I64\"",
                                        "\"U8\"",
                                        "\"F16\"",
                                        "\"BF16\"",
                                        "\"I8\"",
                                        "\"dtype\"",
                                        "\"shape\"",
                                        "\"data_offsets\"",
                                        "\"__metadata__\"",
                                        "[0,0]",
                                        "[2,[3]]",
                                        "\"\\u0061\"",
                                        "\"\\ud800\"",
                                        "\"\xC3\""};

struct Range {
  std::size_t begin;
  std::size_t size;
};

Range any_range(std::size_t size, Dice& dice) {
  const std::size_t begin = dice.below(size);
  const std::size_t longest = std::min<std::size_t>(size - begin, dice.chance(80) ? 8 : size);
  return {begin, 1 + dice.below(longest)};
}

// Tokens of JSON: strings, runs of letters, digits and signs, single punctuation marks.
std::vector<Range> tokens_of(std::string_view text) {
  std::vector<Range> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i++;
    const auto wordy = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.'; };
    if (text[begin] == '"') {
      while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      i = std::min(i + 1, text.size());
    } else if (wordy(text[begin])) {
      while (i < text.size() && wordy(text[i])) ++i;
    } else if (text[begin] == ' ') {
      continue;
    }
    out.push_back({begin, i - begin});
  }
  return out;
}

}  // namespace

void mutate_bytes(Bytes& bytes, Dice& dice) {
  if (bytes.empty() || dice.chance(4)) {
    for (std::size_t n = 1 + dice.below(9); n > 0; --n) bytes.push_back(static_cast<std::byte>(dice.below(256)));
    return;
  }
  const auto at = [&bytes](std::size_t i) { return bytes.begin() + static_cast<std::ptrdiff_t>(i); };
  const Range range = any_range(bytes.size(), dice);
  switch (dice.below(8)) {
    case 0: bytes[range.begin] ^= static_cast<std::byte>(1u << dice.below(8)); break;
    case 1: bytes[range.begin] = static_cast<std::byte>(dice.below(256)); break;
    case 2: {
      const std::size_t width = std::min<std::size_t>(std::size_t{2} << dice.below(3), bytes.size() - range.begin);
      std::uint64_t value = edges[dice.below(edges.size())];
      if (dice.chance(30)) value = bytes.size() + dice.below(9) - 4;
      const bool big = dice.chance(50);
      for (std::size_t i = 0; i < width; ++i)
        bytes[range.begin + i] = static_cast<std::byte>(value >> 8 * (big ? width - 1 - i : i));
      break;
    }
    case 3: bytes.erase(at(range.begin), at(range.begin + range.size)); break;
    case 4: {
      const Bytes copy(at(range.begin), at(range.begin + range.size));
      bytes.insert(at(dice.below(bytes.size() + 1)), copy.begin(), copy.end());
      break;
    }
    case 5: {
      const Bytes moved(at(range.begin), at(range.begin + range.size));
      bytes.erase(at(range.begin), at(range.begin + range.size));
      bytes.insert(at(dice.below(bytes.size() + 1)), moved.begin(), moved.end());
      break;
    }
    case 6: std::fill_n(at(range.begin), range.size, dice.chance(50) ? std::byte{0} : std::byte{0xFF}); break;
    default: bytes.resize(range.begin); break;
  }
}

void mutate_json(std::string& json, Dice& dice) {
  const std::vector<Range> tokens = tokens_of(json);
  if (tokens.empty()) {
    json += words[dice.below(words.size())];
    return;
  }
  const Range a = tokens[dice.below(tokens.size())];
  const Range b = tokens[dice.below(tokens.size())];
  const std::string word = dice.chance(50) ? words[dice.below(words.size())] : json.substr(b.begin, b.size);
  switch (dice.below(7)) {
    case 0:
    case 1: json.replace(a.begin, a.size, word); break;
    case 2: json.erase(a.begin, a.size); break;
    case 3: json.insert(a.begin, word + (dice.chance(50) ? "," : "")); break;
    case 4: {
      const std::size_t begin = std::min(a.begin, b.begin);
      const std::size_t end = std::max(a.begin + a.size, b.begin + b.size);
      // Built by appending: g++ 12 warns of an overlap in "," + string.
      if (dice.chance(50)) json.insert(end, std::string(1, ',').append(json, begin, end - begin));
      else json.erase(begin, end - begin);
      break;
    }
    case 5: {
      if (a.begin == b.begin) break;
      const auto [first, second] = a.begin < b.begin ? std::pair(a, b) : std::pair(b, a);
      const std::string late = json.substr(second.begin, second.size);
      json.replace(second.begin, second.size, json.substr(first.begin, first.size));
      json.replace(first.begin, first.size, late);
      break;
    }
    default: json[dice.below(json.size())] = static_cast<char>(dice.below(256)); break;
  }
}

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ebb::test
