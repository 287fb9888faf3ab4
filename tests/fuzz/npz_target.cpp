// Archives of NumPy's: what is read is what is written again.
#include <algorithm>
#include <array>
#include <cstring>

#include "data/npy.h"
#include "data/npz.h"
#include "framework/tensor/error.h"
#include "tests/data/zip_files.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

// An array as it stands in an archive.
Bytes array_of(const Tensor& tensor) {
  Bytes out = test::bytes_of(npy_header(tensor));
  out.insert(out.end(), tensor.bytes().begin(), tensor.bytes().end());
  return out;
}

Verdict run(const Bytes& input) {
  return attempt([&] {
    const auto got = parse_npz(input, "input");
    std::uint64_t bytes = 0;
    std::vector<test::ZipMember> members;
    for (const auto& [name, value] : got) {
      bytes += value.bytes().size();
      members.push_back({name + ".npy", array_of(value), members.size() % 2 == 1});
    }
    require(bytes <= 2 * 1032 * input.size(), "no more is read than the file can hold");
    if (members.empty()) return;
    const auto again = parse_npz(test::zip(members), "what was written");
    require(again.size() == got.size(), "what is written reads back");
    for (const auto& [name, value] : got) {
      const auto other = again.find(name);
      require(other != again.end() && other->second.dtype() == value.dtype() &&
                  other->second.shape() == value.shape() && std::ranges::equal(other->second.bytes(), value.bytes()),
              "what is written reads back to the same bits");
    }
  });
}

Bytes numbers(std::size_t count) {
  Bytes out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(i);
  return out;
}

std::vector<Bytes> seeds() {
  using test::npy, test::npy_facts;
  const Bytes matrix = npy(npy_facts("<f4", "(2, 3)"), numbers(24));
  return {test::zip({{"fc.weight.npy", matrix}, {"fc.bias.npy", npy(npy_facts("<f8", "(3,)"), numbers(24))}}),
          test::zip({{"fc.weight.npy", matrix, true}, {"steps.npy", npy(npy_facts("<i8", "()"), numbers(8)), true}}),
          test::zip({{"t.npy", npy(npy_facts("<f2", "(2, 3)", "True"), numbers(12), 2)},
                     {"p.npy", npy(npy_facts("|u1", "(2, 1, 3)", "True"), numbers(6), 3)}})};
}

constexpr std::array words{"'<f4'",
                           "'<f2'",
                           "'>f4'",
                           "'|O'",
                           "'|u1'",
                           "'<i8'",
                           "True",
                           "False",
                           "()",
                           "(1,)",
                           "(2, 3)",
                           "(0,)",
                           "(4294967296, 4294967296)",
                           "-1",
                           "9223372036854775807",
                           "descr",
                           "shape",
                           ", ",
                           "("};

// The text of an array's header, of the right length.
void mutate_array(Bytes& array, Dice& dice, const Blindly& blindly) {
  const bool short_length = array.size() > 10 && array[6] == std::byte{1};
  const std::size_t begin = short_length ? 10 : 12;
  std::uint32_t length = 0;
  if (array.size() > begin) std::memcpy(&length, array.data() + 8, short_length ? 2 : 4);
  if (length == 0 || length > array.size() - begin || dice.chance(20)) return blindly(array);
  const auto at = array.begin() + static_cast<std::ptrdiff_t>(begin);
  Bytes facts(at, at + length);
  const Bytes rest(at + length, array.end());
  mutate_text(facts, dice, blindly, words);
  std::string text = test::text_of(facts);
  if (text.ends_with('\n')) text.pop_back();
  array = test::npy(text, rest, short_length ? 1 : 2);
}

// The archive is taken apart and put together again, so that lengths and checksums are right.
void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  std::vector<test::ZipMember> members;
  if (!dice.chance(25)) try {
      for (const auto& [name, value] : parse_npz(input, "input"))
        members.push_back({name + ".npy", array_of(value), dice.chance(30)});
    } catch (const Error&) {
      members.clear();
    }
  if (members.empty()) return blindly(input);
  test::ZipMember& chosen = members[dice.below(members.size())];
  switch (dice.below(6)) {
    case 0: chosen.name = dice.chance(50) ? "x" : members.front().name; break;
    case 1: members.push_back(chosen); break;
    case 2: chosen.contents.resize(chosen.contents.size() / 64 * 64 + dice.below(130)); break;
    default: mutate_array(chosen.contents, dice, blindly);
  }
  input = test::zip(members);
}

}  // namespace

const Target npz{"npz", run, seeds, mutate};

}  // namespace ebb::fuzz
