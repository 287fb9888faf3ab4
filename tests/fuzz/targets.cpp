#include <algorithm>
#include <cctype>

#include "framework/tensor/error.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {

void require(bool holds, std::string_view promise) {
  if (!holds) throw Violation(std::string("broken promise: ").append(promise));
}

Verdict attempt(const std::function<void()>& read) {
  try {
    read();
    return Verdict::read;
  } catch (const Error& error) {
    // Whoever refuses says what was seen and what was wanted.
    require(std::string_view(error.what()).size() > 10, "an error says what is wrong");
    return Verdict::refused;
  }
}

void mutate_text(Bytes& input, Dice& dice, const Blindly& blindly, std::span<const char* const> words) {
  std::string text = test::text_of(input);
  const std::size_t at = dice.below(text.size() + 1);
  const auto line = [&text](std::size_t place) {
    const std::size_t before = place == 0 ? std::string::npos : text.rfind('\n', place - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    return std::pair(begin, std::min(text.find('\n', place), text.size() - 1) + 1 - begin);
  };
  switch (dice.below(text.empty() ? 1 : 6)) {
    case 0: text.insert(at, words[dice.below(words.size())]); break;
    case 1: {
      std::size_t begin = at, end = at;
      const auto in_word = [&](std::size_t i) { return std::isalnum(static_cast<unsigned char>(text[i])) != 0; };
      while (begin > 0 && in_word(begin - 1)) --begin;
      while (end < text.size() && in_word(end)) ++end;
      text.replace(begin, end - begin, words[dice.below(words.size())]);
      break;
    }
    case 2: {
      const auto [begin, size] = line(dice.below(text.size()));
      const std::string copy = text.substr(begin, size);
      text.insert(line(dice.below(text.size())).first, copy);
      break;
    }
    case 3: {
      const auto [begin, size] = line(dice.below(text.size()));
      text.erase(begin, size);
      break;
    }
    case 4: text.erase(std::min(at, text.size() - 1), 1 + dice.below(4)); break;
    default: blindly(input); return;
  }
  input = test::bytes_of(text);
}

}  // namespace ebb::fuzz
