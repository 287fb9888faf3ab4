// Files that break the rules: each rule by hand, every prefix, every flipped bit, and random damage.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "framework/io/half.h"
#include "framework/io/safetensors.h"
#include "framework/io/safetensors_header.h"
#include "framework/tensor/printable.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

using test::AllocationWatch;
using test::Bytes;
using test::Dice;
using test::fails_with;

Bytes file_of(std::string_view json, const Bytes& data) {
  const std::uint64_t length = json.size();
  Bytes out(8);
  std::memcpy(out.data(), &length, 8);
  const Bytes header = test::bytes_of(json);
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Bytes counting(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7 + 1);
  return out;
}

// A second reader, written without regard to the first: it trusts the file.
struct Naive {
  struct Entry {
    std::string dtype;
    std::vector<std::int64_t> shape;
    Bytes bytes;
  };
  std::map<std::string, Entry> tensors;
  std::map<std::string, std::string> metadata;

  explicit Naive(const Bytes& file) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    const Bytes data(file.begin() + 8 + static_cast<std::ptrdiff_t>(length), file.end());
    const auto root = nlohmann::json::parse(file.begin() + 8, file.begin() + 8 + static_cast<std::ptrdiff_t>(length));
    for (const auto& [name, entry] : root.items()) {
      if (name == "__metadata__") {
        metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      const auto begin = entry["data_offsets"][0].get<std::ptrdiff_t>();
      const auto end = entry["data_offsets"][1].get<std::ptrdiff_t>();
      tensors[name] = {entry["dtype"], entry["shape"], Bytes(data.begin() + begin, data.begin() + end)};
    }
  }
};

const std::map<std::string, DType> plain_types{
    {"F32", DType::f32}, {"F64", DType::f64}, {"I32", DType::i32}, {"I64", DType::i64}, {"U8", DType::u8}};

bool same(const Tensor& got, const Naive::Entry& wanted) {
  if (!std::ranges::equal(got.shape().dims(), wanted.shape)) return false;
  const auto plain = plain_types.find(wanted.dtype);
  if (plain != plain_types.end()) return got.dtype() == plain->second && std::ranges::equal(got.bytes(), wanted.bytes);
  if (got.dtype() != DType::f32 || wanted.bytes.size() != static_cast<std::size_t>(got.size()) * 2) return false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got.size()); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, wanted.bytes.data() + 2 * i, 2);
    const float value = wanted.dtype == "F16" ? from_f16(half) : from_bf16(half);
    if (std::memcmp(&value, got.data<float>() + i, 4) != 0) return false;
  }
  return true;
}

bool same(const TensorFile& got, const Naive& wanted) {
  return got.metadata == wanted.metadata &&
         std::ranges::equal(got.tensors, wanted.tensors, [](const auto& a, const auto& b) {
           return a.first == b.first && same(a.second, b.second);
         });
}

bool same(const TensorFile& a, const TensorFile& b) {
  return a.metadata == b.metadata && std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.dtype() == y.second.dtype() && x.second.shape() == y.second.shape() &&
                  std::ranges::equal(x.second.bytes(), y.second.bytes());
         });
}

// What reading may ask of the system: a header's entries take more room in memory than in the file.
std::size_t allowed(std::size_t file_size) { return 24 * file_size + (std::size_t{64} << 10); }

enum class Outcome { refused, unchanged, naive, wrong };

// Reads a damaged file. With our checksums it must be refused or equal to the original; a file without them must be
// refused or read as the naive reader does.
Outcome outcome_of(const Bytes& damaged, const TensorFile* original) {
  const AllocationWatch watch;
  Outcome outcome = Outcome::wrong;
  try {
    const TensorFile got = parse_safetensors(damaged, "damaged");
    if (watch.peak_bytes() > allowed(damaged.size())) return Outcome::wrong;
    if (got.checked) return original != nullptr && same(got, *original) ? Outcome::unchanged : Outcome::wrong;
    const Naive naive(damaged);
    for (const auto& [key, value] : naive.metadata)
      if (key.starts_with("ebb.crc32")) return Outcome::wrong;
    return same(got, naive) ? Outcome::naive : Outcome::wrong;
  } catch (const Error&) {
    outcome = watch.peak_bytes() > allowed(damaged.size()) ? Outcome::wrong : Outcome::refused;
  }
  return outcome;
}

struct Sample {
  Bytes file;
  std::optional<TensorFile> own;  // for files with our checksums
};

std::vector<Sample> samples() {
  std::vector<Sample> out;
  const auto own = [&out](const std::map<std::string, Tensor>& tensors,
                          const std::map<std::string, std::string>& metadata) {
    Sample sample{serialize_safetensors(tensors, metadata), {}};
    sample.own = parse_safetensors(sample.file, "sample");
    out.push_back(std::move(sample));
  };
  own({{"w", Tensor::full({2, 3}, 0.5)}}, {});
  own({{"conv.weight", Tensor::full({2, 1, 3}, -1)},
       {"conv.bias", Tensor::full({3}, 7, DType::f64)},
       {"steps", Tensor::full({}, 9, DType::i64)},
       {"table", Tensor::full({5}, 3, DType::u8)},
       {"empty", Tensor({0, 4}, DType::i32)}},
      {{"format", "pt"}, {"note", "\u00e9"}});
  out.push_back({file_of(R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", counting(16)), {}});
  out.push_back({file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},)"
                         R"("a":{"dtype":"I64","shape":[2,1],"data_offsets":[0,16]},)"
                         R"("c":{"dtype":"BF16","shape":[],"data_offsets":[22,24]}}  )",
                         counting(24)),
                 {}});
  out.push_back({file_of("{}", {}), {}});
  return out;
}

const TensorFile* own(const Sample& sample) { return sample.own ? &*sample.own : nullptr; }

BOOST_AUTO_TEST_SUITE(safetensors_damage)

BOOST_AUTO_TEST_CASE(each_rule) {
  struct Rule {
    std::string json;
    std::size_t data;
    std::vector<std::string_view> message;
  };
  const auto one = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return text(R"({"w":{"dtype":)", dtype, R"(,"shape":)", shape, R"(,"data_offsets":)", offsets, "}}");
  };
  const auto two = [](std::string_view first, std::string_view second) {
    return text(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)", first,
                R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)", second, "}}");
  };
  const std::string good = R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const std::vector<Rule> rules{
      {"", 0, {"brace"}},
      {" {}", 0, {"brace"}},
      {"[]", 0, {"brace"}},
      {"\xEF\xBB\xBF{}", 0, {"brace"}},
      {"{}x", 0, {"no JSON at byte 3"}},
      {"{}{}", 0, {"no JSON"}},
      {"{", 0, {"no JSON"}},
      {"{\"a\":1,}", 0, {"the number 1"}},
      {R"({"w":)" + good + ",}", 4, {"no JSON"}},
      {"{\"\xC3\x28\":{}}", 0, {"no JSON", "UTF-8"}},
      {R"({"\ud800":{}})", 0, {"no JSON"}},
      {R"({"w":null})", 0, {"null for \"w\"", "an object"}},
      {R"({"w":true})", 0, {"true"}},
      {R"({"w":"F32"})", 0, {"the string \"F32\""}},
      {R"({"w":[1]})", 0, {"a list"}},
      {R"({"w":{}})", 0, {"tensor \"w\" without dtype"}},
      {R"({"w":{"dtype":"U8","data_offsets":[0,0]}})", 0, {"without shape"}},
      {R"({"w":{"dtype":"U8","shape":[0]}})", 0, {"without data_offsets"}},
      {R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"extra":1}})", 4, {"the key \"extra\""}},
      {R"({"w":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4, {"\"dtype\" twice"}},
      {R"({"w":{"dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4]}})", 4, {"\"shape\" twice"}},
      {R"({"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"data_offsets":[0,4]}})", 4, {"twice"}},
      {R"({"w":)" + good + R"(,"w":)" + good + "}", 4, {"the name \"w\" twice"}},
      {R"({"w":)" + good + R"(,"\u0077":)" + good + "}", 4, {"the name \"w\" twice"}},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, {"twice"}},
      {R"({"__metadata__":{"k":"1","k":"1"}})", 0, {"the metadata key \"k\" twice"}},
      {R"({"__metadata__":{"k":1}})", 0, {"the number 1 for the metadata entry \"k\"", "a string"}},
      {R"({"__metadata__":{"k":null}})", 0, {"null"}},
      {R"({"__metadata__":{"k":["v"]}})", 0, {"a list"}},
      {R"({"__metadata__":{"k":{"l":"v"}}})", 0, {"an object"}},
      {R"({"__metadata__":"k"})", 0, {"the string"}},
      {one("\"F33\"", "[1]", "[0,4]"), 4, {"the dtype \"F33\" of tensor \"w\"", "BF16"}},
      {one("\"f32\"", "[1]", "[0,4]"), 4, {"the dtype \"f32\""}},
      {one("\"C64\"", "[1]", "[0,8]"), 8, {"the dtype \"C64\""}},
      {one("4", "[1]", "[0,4]"), 4, {"the number 4 for the dtype of tensor \"w\"", "a string"}},
      {one("[\"F32\"]", "[1]", "[0,4]"), 4, {"a list for the dtype"}},
      {one("{}", "[1]", "[0,4]"), 4, {"an object for the dtype"}},
      {one("\"U8\"", "4", "[0,4]"), 4, {"the number 4 for the shape", "a list"}},
      {one("\"U8\"", "\"[4]\"", "[0,4]"), 4, {"the string"}},
      {one("\"U8\"", "[[4]]", "[0,4]"), 4, {"a list"}},
      {one("\"U8\"", "[{}]", "[0,4]"), 4, {"an object"}},
      {one("\"U8\"", "[[[[4]]]]", "[0,4]"), 4, {"a list"}},
      {one("\"U8\"", "[\"4\"]", "[0,4]"), 4, {"the string \"4\""}},
      {one("\"U8\"", "[true]", "[0,4]"), 4, {"true"}},
      {one("\"U8\"", "[null]", "[0,4]"), 4, {"null"}},
      {one("\"U8\"", "[-4]", "[0,4]"), 4, {"the negative number -4"}},
      {one("\"U8\"", "[-0]", "[0,0]"), 0, {"negative"}},
      {one("\"U8\"", "[4.0]", "[0,4]"), 4, {"\"4.0\"", "no 64-bit integer"}},
      {one("\"U8\"", "[4e0]", "[0,4]"), 4, {"\"4e0\""}},
      {one("\"U8\"", "[4]", "[0,4.0]"), 4, {"\"4.0\""}},
      {one("\"U8\"", "[4]", "[0,18446744073709551616]"), 4, {"18446744073709551616"}},
      {one("\"U8\"", "[1,1,1,1,1,1,1]", "[0,1]"), 1, {"more than 6 dimensions"}},
      {one("\"U8\"", "[9223372036854775808]", "[0,4]"), 4, {"the dimension 9223372036854775808"}},
      {one("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, {"overflows"}},
      {one("\"F64\"", "[2305843009213693952]", "[0,0]"), 0, {"overflows"}},
      {one("\"U8\"", "[0,4294967296,4294967296]", "[0,0]"), 0, {"overflows"}},
      {one("\"U8\"", "[4294967296,4294967296,0]", "[0,0]"), 0, {"overflows"}},
      {one("\"U8\"", "[4]", "[0]"), 4, {"1 data_offsets"}},
      {one("\"U8\"", "[4]", "[]"), 4, {"0 data_offsets"}},
      {one("\"U8\"", "[4]", "[0,4,4]"), 4, {"3 data_offsets"}},
      {one("\"U8\"", "[4]", "[4,0]"), 4, {"the data_offsets 4 and 0"}},
      {one("\"U8\"", "[4]", "[0,5]"), 4, {"within the 4 bytes"}},
      {one("\"U8\"", "[5]", "[0,4]"), 4, {"4 bytes for tensor \"w\"", "5 for its shape [5] of U8"}},
      {one("\"U8\"", "[3]", "[0,4]"), 4, {"4 bytes for tensor \"w\"", "3 for its shape [3] of U8"}},
      {one("\"F32\"", "[4]", "[0,4]"), 4, {"4 bytes", "16 for its shape"}},
      {one("\"U8\"", "[3]", "[0,3]"), 4, {"4 bytes of data", "3, where the last tensor ends"}},
      {one("\"U8\"", "[3]", "[1,4]"), 4, {"tensor \"w\" at byte 1", "byte 0"}},
      {one("\"U8\"", "[0]", "[0,0]"), 1, {"1 bytes of data"}},
      {"{}", 1, {"1 bytes of data"}},
      {two("[0,4]", "[5,9]"), 9, {"tensor \"b\" at byte 5", "gaps"}},
      {two("[0,4]", "[3,7]"), 7, {"tensor \"b\" at byte 3", "overlaps"}},
      {two("[0,4]", "[0,4]"), 4, {"overlaps"}},
      {text("{\"", std::string(513, 'n'), "\":", good, "}"), 4, {"a name of 513 bytes"}},
      {"{\"\\u0001\\u007f\":[]}", 0, {"\\x01\\x7f"}},
  };
  for (const Rule& rule : rules) {
    std::string message = "accepted";
    try {
      parse_safetensors(file_of(rule.json, counting(rule.data)), "sample");
    } catch (const Error& error) {
      message = error.what();
    }
    BOOST_TEST(message.starts_with("[sample] "), rule.json);
    for (const std::string_view part : rule.message)
      BOOST_TEST(message.find(part) != std::string::npos, text(rule.json, ": no \"", part, "\" in ", message));
  }
  // What is just within the rules.
  const auto read = [](std::string_view json, std::size_t data) {
    return parse_safetensors(file_of(json, counting(data)), "sample").tensors;
  };
  BOOST_TEST(read(one("\"U8\"", "[1,1,2,1,1,2]", "[0,4]"), 4).at("w").rank() == 6);
  BOOST_TEST(read(one("\"U8\"", "[0,4294967296]", "[0,0]"), 0).at("w").size() == 0);
  BOOST_TEST(read(one("\"U8\"", " [ 4 ] ", "[0,4]") + "  \n\t ", 4).size() == 1u);
  BOOST_TEST(read(two("[4,8]", "[0,4]"), 8).at("a").at({0}) == 29);
  BOOST_TEST(read(text("{\"", std::string(512, 'n'), "\":", good, "}"), 4).size() == 1u);
}

BOOST_AUTO_TEST_CASE(sizes_that_lie) {
  const auto with_length = [](std::uint64_t length, std::size_t size) {
    Bytes file(size, std::byte{'{'});
    std::memcpy(file.data(), &length, 8);
    return file;
  };
  const AllocationWatch watch;
  for (std::size_t size = 0; size < 8; ++size)
    BOOST_TEST(fails_with({"sample", "at least 8"}, [&] { parse_safetensors(Bytes(size), "sample"); }));
  BOOST_TEST(fails_with({"a header of 9 bytes in a file of 16"}, [&] { parse_safetensors(with_length(9, 16), "s"); }));
  BOOST_TEST(
      fails_with({"a header of 16777217 bytes"}, [&] { parse_safetensors(with_length((1 << 24) + 1, 16), "s"); }));
  BOOST_TEST(fails_with({"18446744073709551615"}, [&] { parse_safetensors(with_length(~std::uint64_t{0}, 16), "s"); }));
  BOOST_TEST(fails_with({"within the 4 bytes"}, [&] {
    parse_safetensors(file_of(R"({"w":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}})", Bytes(4)),
                      "s");
  }));
  BOOST_TEST(watch.peak_bytes() < allowed(100));
  // The cap holds although the file is as long as it says.
  BOOST_TEST(
      fails_with({"at most 16777216"}, [&] { parse_safetensors(with_length((1 << 24) + 1, (1 << 24) + 9), "s"); }));
}

BOOST_AUTO_TEST_CASE(nesting_and_numbers_of_tensors) {
  const std::string deep = "{\"w\":" + std::string(100'000, '[');
  BOOST_TEST(fails_with({"a list"}, [&] { parse_safetensors(file_of(deep, {}), "s"); }));
  std::string many = "{";
  for (int i = 0; i <= 65536; ++i)
    many += text(i > 0 ? "," : "", "\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  BOOST_TEST(fails_with({"more than 65536 tensors"}, [&] { parse_safetensors(file_of(many + "}", {}), "s"); }));
}

BOOST_AUTO_TEST_CASE(checksums_are_verified) {
  const Bytes file = samples()[1].file;
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  const std::string json = test::text_of(std::span(file).subspan(8, length));
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string copy = json;
    copy.replace(copy.find(from), from.size(), to);
    return file_of(copy, Bytes(file.begin() + 8 + static_cast<std::ptrdiff_t>(length), file.end()));
  };
  Bytes data = file;
  data.back() ^= std::byte{1};
  BOOST_TEST(fails_with({"tensor \"table\"", "CRC-32", "damaged"}, [&] { parse_safetensors(data, "s"); }));
  const auto refused = [&](std::string_view from, std::string_view to) {
    BOOST_TEST(fails_with({"s]", "checksum"}, [&] { parse_safetensors(changed(from, to), "s"); }), from);
  };
  for (const auto& [from, to] :
       std::map<std::string_view, std::string_view>{{"\"pt\"", "\"tf\""},
                                                    {"\"conv.bias\":", "\"conv.bia2\":"},
                                                    {"[2,1,3]", "[1,2,3]"},
                                                    {"\"ebb.crc32\"", "\"ebb.crc33\""},
                                                    {"ebb.crc32.steps", "ebc.crc32.steps"},
                                                    {"ebb.crc32.steps", "ebb.crc32.stepz"},
                                                    {"\"ebb.crc32\":", "\"ebb.crc32.x\":\"0\",\"ebb.crc32\":"}})
    refused(from, to);
  // The checksums are of what the header says, not of how it is written.
  BOOST_TEST(same(parse_safetensors(changed("\"pt\"", " \"p\\u0074\" "), "s"), parse_safetensors(file, "s")));
}

BOOST_AUTO_TEST_CASE(every_prefix) {
  for (const Sample& sample : samples()) {
    int refused = 0;
    for (std::size_t size = 0; size < sample.file.size(); ++size) {
      const Bytes prefix(sample.file.begin(), sample.file.begin() + static_cast<std::ptrdiff_t>(size));
      refused += outcome_of(prefix, own(sample)) == Outcome::refused ? 1 : 0;
    }
    BOOST_TEST(refused == static_cast<int>(sample.file.size()));
  }
}

BOOST_AUTO_TEST_CASE(every_bit) {
  for (const Sample& sample : samples()) {
    int wrong = 0;
    for (std::size_t bit = 0; bit < sample.file.size() * 8; ++bit) {
      Bytes copy = sample.file;
      copy[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      const Outcome outcome = outcome_of(copy, own(sample));
      if (outcome == Outcome::wrong || (sample.own && outcome == Outcome::naive)) ++wrong;
    }
    BOOST_TEST(wrong == 0);
  }
}

BOOST_AUTO_TEST_CASE(random_mutations) {
  const std::vector<Sample> all = samples();
  std::map<Outcome, int> outcomes;
  std::string first_wrong;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    Dice dice(seed);
    const Sample& sample = all[seed % all.size()];
    Bytes file = sample.file;
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    if (dice.chance(
            60)) {  // the header's text, with its length put right, so that the damage gets past the first check
      std::string json = test::text_of(std::span(file).subspan(8, length));
      for (std::size_t n = 1 + dice.below(dice.chance(60) ? 1 : 3); n > 0; --n) test::mutate_json(json, dice);
      Bytes data(file.begin() + 8 + static_cast<std::ptrdiff_t>(length), file.end());
      if (dice.chance(20)) test::mutate_bytes(data, dice);
      file = file_of(json, data);
    } else {
      for (std::size_t n = 1 + dice.below(dice.chance(60) ? 1 : 3); n > 0; --n) test::mutate_bytes(file, dice);
    }
    const Outcome outcome = outcome_of(file, own(sample));
    ++outcomes[outcome];
    if (outcome == Outcome::wrong && first_wrong.empty())
      first_wrong = text("seed ", seed, ": ", in_quotes(test::text_of(file)));
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0, first_wrong);
  // The mutations must reach beyond the first check: some files stay readable, with other contents too.
  BOOST_TEST(outcomes[Outcome::unchanged] > test::some_of(30));
  BOOST_TEST(outcomes[Outcome::naive] > test::some_of(200));
  BOOST_TEST(outcomes[Outcome::refused] > test::some_of(5000));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
