// Packed sets: what is read back is what was packed, and nothing of a file is believed.
#include "data/packed_set.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "data/pictures/decode.h"
#include "framework/io/safetensors.h"
#include "tests/data/picture_files.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::TemporaryDirectory;

PictureSet small_set() {
  const TemporaryDirectory root;
  test::put_classes(root / "train", {"a", "b"}, 3);
  test::put_classes(root / "test", {"a", "b"}, 2, 100);
  return read_pictures(find_pictures(root.path()), {.size = PictureSize{4, 5}, .fit = Fit::pad}).set;
}

BOOST_AUTO_TEST_SUITE(packed_set)

BOOST_AUTO_TEST_CASE(a_packed_set_is_read_back_without_the_decoder) {
  const TemporaryDirectory directory;
  const PictureSet set = small_set();
  save_packed_set(directory / "set.safetensors", set);
  const std::int64_t calls = detail::decode_calls();
  BOOST_TEST(calls > 0);
  const PictureSet got = load_packed_set(directory / "set.safetensors");
  BOOST_TEST(detail::decode_calls() == calls);
  BOOST_TEST(got.classes == set.classes, boost::test_tools::per_element());
  BOOST_TEST((got.fit == Fit::pad));
  for (const auto& [a, b] : {std::pair(&got.train, &set.train), std::pair(&got.test, &set.test)}) {
    BOOST_TEST((a->pixels.shape() == b->pixels.shape()));
    BOOST_TEST(std::ranges::equal(a->pixels.bytes(), b->pixels.bytes()));
    BOOST_TEST(std::ranges::equal(a->labels.bytes(), b->labels.bytes()));
    BOOST_TEST(a->sources == b->sources, boost::test_tools::per_element());
    BOOST_TEST(a->sha256 == b->sha256, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(files_that_are_no_packed_set_are_refused_by_what_is_wrong) {
  const auto refused = [](std::initializer_list<std::string_view> parts, const auto& change) {
    TensorFile file = to_tensors(small_set());
    picture_set_from(file, "set");
    change(file);
    BOOST_TEST(fails_with(parts, [&] { picture_set_from(file, "set"); }));
  };
  const auto bytes = [](std::string_view text) {
    return Tensor::from(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()),
                        {static_cast<std::int64_t>(text.size())});
  };
  using namespace std::string_view_literals;
  std::string long_name("a\0"sv);
  long_name.append(513, 'b').append("\0"sv);
  refused({"no entry ebb.pictures"}, [](TensorFile& f) { f.metadata.clear(); });
  refused({"a file of weights"}, [](TensorFile& f) { f.metadata = {{"model", "lenet"}}; });
  refused({"fit", "\"sideways\"", "crop, pad or stretch"}, [](TensorFile& f) { f.metadata["fit"] = "sideways"; });
  refused({"no tensor test.labels"}, [](TensorFile& f) { f.tensors.erase("test.labels"); });
  refused({"10 tensors"}, [](TensorFile& f) { f.tensors["more"] = Tensor::scalar(1); });
  refused({"train.pixels", "of f32"}, [](TensorFile& f) { f.tensors["train.pixels"] = Tensor({6, 4, 5, 1}); });
  refused({"train.pixels"}, [](TensorFile& f) { f.tensors["train.pixels"] = Tensor::zeros({6, 4, 5, 2}, DType::u8); });
  refused({"train.pixels"}, [](TensorFile& f) { f.tensors["train.pixels"] = Tensor({0, 4, 5, 1}, DType::u8); });
  refused({"train.pixels"}, [](TensorFile& f) { f.tensors["train.pixels"] = Tensor({6, 0, 5, 1}, DType::u8); });
  refused({"one size in both"}, [](TensorFile& f) {
    f.tensors["train.pixels"] = Tensor::zeros({6, 4, 6, 1}, DType::u8);
  });
  refused({"the label 2", "0 to 1"},
          [](TensorFile& f) { f.tensors["train.labels"] = Tensor::full({6}, 2, DType::u8); });
  refused({"the label -1"}, [](TensorFile& f) { f.tensors["train.labels"] = Tensor::full({6}, -1, DType::i32); });
  refused({"6 labels"}, [](TensorFile& f) { f.tensors["train.labels"] = Tensor::zeros({7}, DType::u8); });
  refused({"of i64"}, [](TensorFile& f) { f.tensors["train.labels"] = Tensor::zeros({6}, DType::i64); });
  refused({"classes with 1 names"}, [&](TensorFile& f) { f.tensors["classes"] = bytes("a\0"sv); });
  refused({"there twice"}, [&](TensorFile& f) { f.tensors["classes"] = bytes("a\0a\0"sv); });
  refused({"lines of UTF-8"}, [&](TensorFile& f) { f.tensors["classes"] = bytes("a\0b\n\0"sv); });
  refused({"without a zero byte"}, [&](TensorFile& f) { f.tensors["classes"] = bytes("a\0b"sv); });
  refused({"a name of 0 bytes"}, [&](TensorFile& f) { f.tensors["classes"] = bytes("a\0\0"sv); });
  refused({"a name of 513 bytes"}, [&](TensorFile& f) { f.tensors["classes"] = bytes(long_name); });
  refused({"2 names", "6, one for each"}, [&](TensorFile& f) { f.tensors["train.names"] = bytes("a\0b\0"sv); });
  refused({"[6, 64]"}, [](TensorFile& f) { f.tensors["train.sha256"] = Tensor::full({6, 32}, 'a', DType::u8); });
  refused({"hexadecimal"}, [](TensorFile& f) { f.tensors["train.sha256"] = Tensor::full({6, 64}, 'x', DType::u8); });
}

BOOST_AUTO_TEST_CASE(every_beginning_of_a_packed_set_is_an_error) {
  const TensorFile file = to_tensors(small_set());
  const test::Bytes whole = serialize_safetensors(file.tensors, file.metadata);
  const auto read = [](std::span<const std::byte> bytes) {
    return test::message_of([&] { picture_set_from(parse_safetensors(bytes, "set"), "set"); });
  };
  BOOST_TEST(read(whole) == "no error");
  for (std::size_t size = 0; size < whole.size(); ++size)
    BOOST_REQUIRE_MESSAGE(read(std::span(whole).first(size)) != "no error", size << " of " << whole.size());
}

// A file of 8 MB that would be four million names.
BOOST_AUTO_TEST_CASE(names_are_counted_before_they_are_kept) {
  std::string many;
  for (int i = 0; i < 4'000'000; ++i) many.append("a").append(1, '\0');
  const Tensor bytes = Tensor::from(std::span(reinterpret_cast<const std::uint8_t*>(many.data()), many.size()),
                                    {static_cast<std::int64_t>(many.size())});
  for (const auto& [name, wanted] : {std::pair("classes", "2 to 10000"), std::pair("train.names", "6, one for each")}) {
    TensorFile file = to_tensors(small_set());
    file.tensors[name] = bytes;
    const test::AllocationWatch watch;
    BOOST_TEST(fails_with({name, "4000000 names", wanted}, [&] { picture_set_from(file, "set"); }));
    BOOST_TEST(watch.peak_bytes() < (std::size_t{1} << 20), name);
  }
}

BOOST_AUTO_TEST_CASE(classes_that_a_split_lacks_are_named) {
  PictureSet set = small_set();
  BOOST_TEST(lacking_classes(set.classes, set.train).empty());
  require_training_pictures(set, "set", "");
  set.train.labels = Tensor::zeros({6}, DType::u8);
  BOOST_TEST(lacking_classes(set.classes, set.train) == std::vector<std::string>{"b"},
             boost::test_tools::per_element());
  BOOST_TEST(lacking_classes(set.classes, set.test).empty());
  BOOST_TEST(fails_with({"[set]", "classes without a picture to learn from", "\n  b", "as they say"},
                        [&] { require_training_pictures(set, "set", "as they say"); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
