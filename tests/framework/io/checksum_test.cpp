#include "framework/io/checksum.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/errors.h"
#include "tests/support/mutate.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::bytes_of;
using test::fails_with;
using Tensors = std::map<std::string, Tensor>;

BOOST_AUTO_TEST_SUITE(checksums)

// The examples of FIPS 180-4, and of RFC 3720's relatives for CRC-32.
BOOST_AUTO_TEST_CASE(known_answers) {
  BOOST_TEST(sha256(bytes_of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(sha256(bytes_of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(crc32(bytes_of("123456789")) == 0xCBF43926u);
  BOOST_TEST(crc32(bytes_of("6789"), crc32(bytes_of("12345"))) == 0xCBF43926u);
}

BOOST_AUTO_TEST_CASE(pieces_and_files) {
  const test::TemporaryDirectory directory;
  const std::string text(200'000, 'x');
  test::put_file(directory / "file", text);
  Sha256 sha;
  sha.add(bytes_of(text.substr(0, 1000)));
  Sha256 moved = std::move(sha);
  moved.add(bytes_of(text.substr(1000)));
  BOOST_TEST(moved.hex() == sha256(bytes_of(text)));
  BOOST_TEST(sha256_file(directory / "file") == sha256(bytes_of(text)));
  BOOST_TEST(fails_with({"second"}, [&] { moved.hex(); }));
  BOOST_TEST(fails_with({"after the digest"}, [&] { moved.add(bytes_of("x")); }));
  BOOST_TEST(fails_with({"nowhere"}, [&] { sha256_file(directory / "nowhere"); }));
}

// Computed by hand with Python's hashlib and struct from the description in the header.
BOOST_AUTO_TEST_CASE(tensors_as_described) {
  const Tensors state{{"w", Tensor::from({1.0f, -2.0f}, {1, 2})}, {"b", Tensor::from<std::int64_t>({3}, {1})}};
  BOOST_TEST(sha256(state) == "225dc9e812ba417aac5d391bc19c5415c11232059dec60c538befdfd9b7e166a");
  BOOST_TEST(sha256(Tensors{}) == sha256(bytes_of("")));
}

BOOST_AUTO_TEST_CASE(everything_counts) {
  const std::string one = sha256(Tensors{{"w", Tensor::from({0.0f, 1.0f}, {2})}});
  const std::vector<Tensors> others{{{"v", Tensor::from({0.0f, 1.0f}, {2})}},
                                    {{"w", Tensor::from({-0.0f, 1.0f}, {2})}},
                                    {{"w", Tensor::from({0.0f, 1.0f}, {1, 2})}},
                                    {{"w", Tensor::from({1.0f, 0.0f}, {2})}},
                                    {{"w", Tensor::from<std::int32_t>({0, 0x3F800000}, {2})}},
                                    {{"w", Tensor::from({0.0f}, {1})}, {"x", Tensor::from({1.0f}, {1})}}};
  for (const Tensors& other : others) BOOST_TEST(sha256(other) != one);
  BOOST_TEST(sha256(Tensors{{"w", Tensor::from({0.0f, 1.0f}, {2})}}) == one);
  BOOST_TEST(fails_with({"sha256", "w"}, [] { sha256(Tensors{{"w", Tensor()}}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
