#include "framework/io/safetensors.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/io/half.h"
#include "framework/io/safetensors_header.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::fails_with;
using Tensors = std::map<std::string, Tensor>;

std::vector<std::byte> file_of(std::string_view json, std::size_t data) {
  const std::uint64_t length = json.size();
  std::vector<std::byte> out(8 + json.size() + data);
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, json.data(), json.size());
  for (std::size_t i = 0; i < data; ++i) out[8 + json.size() + i] = static_cast<std::byte>(i);
  return out;
}

TensorFile parse(std::string_view json, std::size_t data) { return parse_safetensors(file_of(json, data), "sample"); }

bool equal(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}

bool equal(const Tensors& a, const Tensors& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return x.first == y.first && equal(x.second, y.second); });
}

Tensor counting(const Shape& shape, DType dtype) {
  Tensor out(shape, dtype);
  std::uint8_t next = 1;
  for (std::byte& byte : out.mutable_bytes()) byte = static_cast<std::byte>(next++);
  return out;
}

BOOST_AUTO_TEST_SUITE(safetensors_files)

BOOST_AUTO_TEST_CASE(round_trip_of_all_dtypes_and_ranks) {
  const test::TemporaryDirectory directory;
  Tensors tensors;
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    const std::int64_t dims[] = {3, 1, 2, 2, 1, 2};
    for (std::size_t rank = 0; rank <= 6; ++rank)
      tensors[text(name(dtype), ".", rank)] = counting(Shape(std::span(dims).first(rank)), dtype);
    tensors[text(name(dtype), ".empty")] = Tensor({2, 0, 3}, dtype);
  }
  tensors[""] = Tensor::scalar(1);
  tensors["\"quotes\\ and \u00e9\n"] = Tensor::scalar(2);
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"", "empty key"}, {"\t", "\u20ac"}};
  save_safetensors(directory / "a.safetensors", tensors, metadata);
  BOOST_TEST(directory.files().size() == 1u);
  BOOST_TEST((test::file_bytes(directory / "a.safetensors") == serialize_safetensors(tensors, metadata)));
  const TensorFile read = load_safetensors(directory / "a.safetensors");
  BOOST_TEST(equal(read.tensors, tensors));
  BOOST_TEST((read.metadata == metadata));
  BOOST_TEST(read.checked);
}

BOOST_AUTO_TEST_CASE(no_tensors) {
  const TensorFile read = parse_safetensors(serialize_safetensors({}), "sample");
  BOOST_TEST(read.tensors.empty());
  BOOST_TEST(read.metadata.empty());
  BOOST_TEST(parse("{}", 0).tensors.empty());
  BOOST_TEST(parse("{\"__metadata__\":{}}", 0).metadata.empty());
}

BOOST_AUTO_TEST_CASE(written_tensors_are_aligned) {
  const Tensors tensors{{"a", Tensor::zeros({3}, DType::u8)},
                        {"b", Tensor::zeros({1}, DType::f64)},
                        {"c", Tensor::zeros({1}, DType::f32)}};
  const auto bytes = serialize_safetensors(tensors);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  BOOST_TEST(length % 8 == 0u);
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  for (const auto& entry : safetensors::parse_header(json, bytes.size() - 8 - length, "sample").entries)
    BOOST_TEST(entry.begin % safetensors::size_of(entry.type) == 0u, entry.name);
}

// As PyTorch's safetensors 0.4 writes it.
BOOST_AUTO_TEST_CASE(foreign_file) {
  const TensorFile read =
      parse(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I32","shape":[],"data_offsets":[8,12]},)"
            R"("a":{"shape":[2,1],"data_offsets":[0,8],"dtype":"F32"}}   )",
            12);
  BOOST_TEST(!read.checked);
  BOOST_TEST(read.metadata.at("format") == "pt");
  BOOST_TEST(read.tensors.at("b").item() == 0x0B0A0908);
  BOOST_TEST((read.tensors.at("a").shape() == Shape{2, 1}));
}

BOOST_AUTO_TEST_CASE(half_precision_becomes_f32) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  BOOST_TEST(from_f16(0x3C00) == 1.0f);
  BOOST_TEST(from_f16(0xC000) == -2.0f);
  BOOST_TEST(from_f16(0x7BFF) == 65504.0f);
  BOOST_TEST(from_f16(0x0001) == 0x1p-24f);
  BOOST_TEST(from_f16(0x83FF) == -0x3FFp-24f);
  BOOST_TEST(from_f16(0x0400) == 0x1p-14f);
  BOOST_TEST(from_f16(0x7C00) == infinity);
  BOOST_TEST(from_f16(0xFC00) == -infinity);
  BOOST_TEST(std::isnan(from_f16(0x7E01)));
  BOOST_TEST(std::signbit(from_f16(0x8000)));
  BOOST_TEST(from_bf16(0x3F80) == 1.0f);
  BOOST_TEST(from_bf16(0xC049) == -3.140625f);
  // Longer than one piece of the conversion.
  const TensorFile read = parse(R"({"h":{"dtype":"F16","shape":[9000],"data_offsets":[0,18000]},)"
                                R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[18000,18002]}})",
                                18002);
  const Tensor& h = read.tensors.at("h");
  bool right = h.dtype() == DType::f32 && h.size() == 9000;
  for (std::size_t i = 0; right && i < 9000; ++i) {
    const auto low = static_cast<std::uint16_t>(2 * i % 256);
    const float wanted = from_f16(static_cast<std::uint16_t>(low | ((2 * i + 1) % 256) << 8));
    const float got = h.span<float>()[i];
    right = std::memcmp(&got, &wanted, 4) == 0;
  }
  BOOST_TEST(right);
  BOOST_TEST(read.tensors.at("b").item() == from_bf16(0x5150));
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensors tensors{{"a", Tensor::from({1.0, nan, -1.0 / 0.0}, {3})},
                        {"b", Tensor::from({1.0f / 0.0f}, {1})},
                        {"c", Tensor::full({4}, 255, DType::u8)}};
  const auto bytes = serialize_safetensors(tensors);
  BOOST_TEST(parse_safetensors(bytes, "sample").not_finite == 3);
  BOOST_TEST(fails_with({"sample", "\"a\"", "2 numbers", "NaN"},
                        [&] { parse_safetensors(bytes, "sample", {.refuse_not_finite = true}); }));
}

BOOST_AUTO_TEST_CASE(writing_refuses) {
  const test::TemporaryDirectory directory;
  const auto file = directory / "x.safetensors";
  const Tensor one = Tensor::scalar(1);
  BOOST_TEST(fails_with({"x.safetensors", "undefined", "\"w\""}, [&] { save_safetensors(file, {{"w", Tensor()}}); }));
  BOOST_TEST(fails_with({"x.safetensors", "__metadata__"}, [&] { save_safetensors(file, {{"__metadata__", one}}); }));
  BOOST_TEST(fails_with({"at most 512"}, [&] { save_safetensors(file, {{std::string(513, 'n'), one}}); }));
  BOOST_TEST(fails_with({"UTF-8"}, [&] { save_safetensors(file, {{"\xC3", one}}); }));
  BOOST_TEST(fails_with({"UTF-8"}, [&] { save_safetensors(file, {}, {{"k", "\xFF"}}); }));
  BOOST_TEST(fails_with({"ebb.crc32.w"}, [&] { save_safetensors(file, {}, {{"ebb.crc32.w", "0"}}); }));
  Tensors many;
  for (int i = 0; i <= 65536; ++i) many[text(i)] = one;
  BOOST_TEST(fails_with({"65537 tensors"}, [&] { save_safetensors(file, many); }));
  BOOST_TEST(fails_with({"a header of", "16777216"}, [&] {
    save_safetensors(file, {}, {{"k", std::string(1 << 24, 'v')}});
  }));
  BOOST_TEST(directory.files().empty());
  many.erase("0");
  BOOST_TEST(parse_safetensors(serialize_safetensors(many), "sample").tensors.size() == 65536u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
