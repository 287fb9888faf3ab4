#include "data/published.h"

#include <boost/test/unit_test.hpp>

#include "data/cifar.h"
#include "data/fingerprint.h"
#include "data/gzip.h"
#include "data/inspect.h"
#include "data/mnist.h"
#include "data/optdigits.h"
#include "data/split.h"
#include "tests/data/packed.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::bytes_of;
using test::Environment;
using test::fails_with;
using test::gzip;
using test::put_file;
using test::tar;
using test::TemporaryDirectory;

// MD5 of "abc" and of "" are RFC 1321's own examples.
PublishedSet letters() {
  return {.name = "letters",
          .contents = {{"abc-idx1", Split::train, 3, "900150983cd24fb0d6963f7d28e17f72"},
                       {"empty-idx1", Split::test, 0, "d41d8cd98f00b204e9800998ecf8427e"}}};
}

PublishedSet archived() {
  PublishedSet set = letters();
  set.archive = "letters.tar.gz";
  set.folder = "letters-bin";
  return set;
}

std::string result(const PublishedSet& set, const fs::path& file) {
  const std::vector<fs::path> files{file};
  std::string out;
  for (const ContentCheck& check : check_contents(set, files)) out += check.name + ":" + check.problem + ";";
  return out;
}

BOOST_AUTO_TEST_SUITE(published)

BOOST_AUTO_TEST_CASE(contents_of_files) {
  const TemporaryDirectory directory;
  const auto file = [&directory](const char* name, const test::Bytes& bytes) {
    put_file(directory / name, bytes);
    return directory / name;
  };
  const PublishedSet set = letters();
  BOOST_TEST(result(set, file("abc-idx1", bytes_of("abc"))) == "abc-idx1:;");
  BOOST_TEST(result(set, file("abc.idx1", bytes_of("abc"))) == "abc-idx1:;");
  BOOST_TEST(result(set, file("abc-idx1.gz", gzip(bytes_of("abc")))) == "abc-idx1:;");
  BOOST_TEST(result(set, file("abc-idx1.gz", gzip(bytes_of("abc"), 0))) == "abc-idx1:;");
  BOOST_TEST(result(set, file("empty-idx1.gz", gzip({}))) == "empty-idx1:;");
  BOOST_TEST(result(set, file("abc-idx1", bytes_of("ab"))) == "abc-idx1:2 bytes instead of 3;");
  BOOST_TEST(result(set, file("abc-idx1", bytes_of("abd"))) ==
             "abc-idx1:MD5 4911e516e5aa21d327512e0c8b197616 instead of 900150983cd24fb0d6963f7d28e17f72;");
  BOOST_TEST(result(set, file("other", bytes_of("abc"))) == "");
  test::Bytes cut = gzip(bytes_of("abc"));
  cut.pop_back();
  BOOST_TEST(result(set, file("abc-idx1.gz", cut)).find("an end in the middle") != std::string::npos);
  BOOST_TEST(result(set, directory / "nowhere").find("nowhere:") == 0u);
}

BOOST_AUTO_TEST_CASE(contents_of_archives) {
  const TemporaryDirectory directory;
  const fs::path file = directory / "letters.tar.gz";
  const auto with = [&](const std::vector<test::TarEntry>& entries) {
    put_file(file, gzip(tar(entries)));
    return result(archived(), file);
  };
  BOOST_TEST(with({{"x/readme", bytes_of("?")}, {"x/abc-idx1", bytes_of("abc")}, {"x/empty-idx1", {}}}) ==
             "abc-idx1:;empty-idx1:;");
  BOOST_TEST(with({{"x/abc-idx1", bytes_of("abcd")}}) ==
             "abc-idx1:4 bytes instead of 3;empty-idx1:not in the archive;");
  put_file(file, std::string_view("<html>"));
  BOOST_TEST(result(archived(), file) == "");
  put_file(directory / "abc-idx1", std::string_view("abc"));
  BOOST_TEST(result(archived(), directory / "abc-idx1") == "abc-idx1:;");
}

BOOST_AUTO_TEST_CASE(files_of_a_split) {
  const TemporaryDirectory directory;
  const Environment none("EBB_DATA", nullptr);
  const auto found = [&](const PublishedSet& set, Split split) {
    std::string out;
    for (const fs::path& path : find_published(set, directory.path(), split))
      out += fs::relative(path, directory.path()).string() + ";";
    return out;
  };
  BOOST_TEST(fails_with({"letters", "without abc-idx1.gz"}, [&] { found(letters(), Split::train); }));
  put_file(directory / "abc.idx1", std::string_view("abc"));
  BOOST_TEST(found(letters(), Split::train) == "abc.idx1;");
  put_file(directory / "abc-idx1.gz", std::string_view("abc"));
  BOOST_TEST(found(letters(), Split::train) == "abc-idx1.gz;");
  BOOST_TEST(fails_with({"without empty-idx1.gz"}, [&] { found(letters(), Split::test); }));
  put_file(directory / "letters.tar.gz", std::string_view("?"));
  BOOST_TEST(found(archived(), Split::train) == "letters.tar.gz;");
  fs::create_directories(directory / "letters/letters-bin");
  put_file(directory / "letters/letters-bin/empty-idx1", std::string_view(""));
  BOOST_TEST(found(archived(), Split::test) == "letters.tar.gz;");  // the nearer place comes first
  fs::remove(directory / "letters.tar.gz");
  BOOST_TEST(found(archived(), Split::test) == "letters/letters-bin/empty-idx1;");
}

BOOST_AUTO_TEST_CASE(known_sets) {
  BOOST_TEST(published_set("cifar10").name == "cifar-10");
  BOOST_TEST(published_set("cifar-100").contents.size() == 2u);
  BOOST_TEST((published_set("mnist").downloads() ==
              std::vector<std::string>{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}));
  BOOST_TEST((published_set("cifar10").downloads() == std::vector<std::string>{"cifar-10-binary.tar.gz"}));
  BOOST_TEST(fails_with({"\"mnits\"", "did you mean \"mnist\"?"}, [] { published_set("mnits"); }));
  for (const std::string& name : published_names())
    for (const PublishedContent& content : published_set(name).contents) {
      BOOST_TEST(content.md5.size() == 32u, content.name);
      BOOST_TEST(content.bytes > 1000u, content.name);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(inspection)

ImageDataset images(std::initializer_list<std::uint8_t> values, std::initializer_list<std::uint8_t> labels) {
  const auto n = static_cast<std::int64_t>(labels.size());
  return ImageDataset(Tensor::from(values, {n, 1, 2, 1}), Tensor::from(labels, {n}), {"a", "b", "c"}, {});
}

BOOST_AUTO_TEST_CASE(equal_pictures) {
  const ImageDataset train = images({1, 2, 3, 4, 1, 2, 0, 0}, {0, 1, 2, 0});
  const ImageDataset held_out = images({2, 1, 3, 4, 1, 2}, {0, 0, 0});
  const auto shared = equal_images(train, held_out);
  BOOST_REQUIRE(shared.size() == 2u);
  BOOST_TEST(shared[0].first == 1);
  BOOST_TEST(shared[0].second == 1);
  BOOST_TEST(shared[1].first == 0);
  BOOST_TEST(shared[1].second == 2);
  const auto repeated = repeated_images(train);
  BOOST_REQUIRE(repeated.size() == 1u);
  BOOST_TEST(repeated[0].first == 0);
  BOOST_TEST(repeated[0].second == 2);
  BOOST_TEST(repeated_images(held_out).empty());
  const ImageDataset other(Tensor::from<std::uint8_t>({1, 2}, {1, 2, 1, 1}), Tensor::zeros({1}, DType::u8), {"a"}, {});
  BOOST_TEST(fails_with({"[1, 2, 1]", "[2, 1, 1]"}, [&] { equal_images(train, other); }));
}

BOOST_AUTO_TEST_CASE(summaries) {
  const ImageSummary summary = summarize(images({0, 255, 255, 255, 0, 255}, {2, 2, 0}));
  BOOST_TEST(summary.images == 3);
  BOOST_TEST((summary.class_counts == std::vector<std::int64_t>{1, 0, 2}));
  BOOST_TEST(summary.statistics.mean[0] == 4.0 / 6, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(recognized_files)

Fingerprint fingerprint_of(std::span<const std::byte> bytes, std::size_t piece) {
  Fingerprint out;
  for (; bytes.size() > piece; bytes = bytes.subspan(piece)) out.add(bytes.first(piece));
  out.add(bytes);
  return out;
}

BOOST_AUTO_TEST_CASE(a_fingerprint_is_that_of_a_sample_however_the_contents_come) {
  const std::size_t mib = std::size_t{1} << 20, first = std::size_t{1} << 16, sample = first / 2;
  std::vector<std::byte> bytes(2 * mib + 1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i >> 3);
  const std::span<const std::byte> all = bytes;
  const std::uint32_t wanted = crc32(all.subspan(2 * mib), crc32(all.subspan(mib, sample), crc32(all.first(first))));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, sample, mib, 3 * mib}) {
    BOOST_TEST(fingerprint_of(bytes, piece).crc() == wanted, piece);
    BOOST_TEST(fingerprint_of(bytes, piece).bytes() == bytes.size());
  }
  for (const auto& [at, seen] :
       {std::pair{first - 1, true}, {first, false}, {mib + sample - 1, true}, {mib + sample, false}}) {
    bytes[at] ^= std::byte{1};
    BOOST_TEST((fingerprint_of(bytes, mib).crc() != wanted) == seen, at);
    bytes[at] ^= std::byte{1};
  }
}

const char* const debian_fashion = "/usr/share/datasets/fashion-mnist";

BOOST_AUTO_TEST_CASE(published_files_are_known_and_others_are_remarked_on) {
  const fs::path mnist = test::shared_data("mnist");
  if (!mnist.empty())
    for (const Split split : {Split::train, Split::test}) BOOST_TEST(Mnist(mnist, split).remark() == "");
  const fs::path cifar = test::shared_data("cifar-10");
  if (!cifar.empty())
    for (const Split split : {Split::train, Split::test}) BOOST_TEST(Cifar10(cifar, split).remark() == "");
  const fs::path digits = test::shared_data("optdigits");
  if (!digits.empty())
    for (const Split split : {Split::train, Split::test}) BOOST_TEST(Optdigits(digits, split).remark() == "");
  if (!fs::is_directory(debian_fashion)) return;
  const Environment none("EBB_DATA", nullptr);
  for (const Split split : {Split::train, Split::test}) BOOST_TEST(FashionMnist({}, split).remark() == "");
  // One label changed: said, and taken all the same; a part for validation says so too.
  const TemporaryDirectory directory;
  fs::copy(debian_fashion, directory.path(), fs::copy_options::recursive);
  const fs::path labels = directory / "t10k-labels-idx1-ubyte.gz";
  FileSource packed(labels);
  GzipSource source(packed);
  test::Bytes bytes(10'008);
  source.read_exactly(bytes, "labels");
  bytes[10'007] ^= std::byte{1};
  put_file(labels, gzip(bytes));
  const FashionMnist changed(directory.path(), Split::test);
  BOOST_TEST(changed.remark() == text("not as fashion-mnist was published: ", labels.string(), " (other bytes)"));
  BOOST_TEST(select(changed, split(changed, 0.1)).train.remark() == changed.remark());
}

BOOST_AUTO_TEST_CASE(files_of_another_set_are_refused_by_name) {
  if (!fs::is_directory(debian_fashion)) return;
  BOOST_TEST(fails_with({"train-images-idx3-ubyte", "got the contents of train-images-idx3-ubyte of fashion-mnist",
                         "wanted train-images-idx3-ubyte of mnist", "train on fashion-mnist"},
                        [] { Mnist(debian_fashion, Split::train); }));
  // The other split, and labels alone.
  const TemporaryDirectory directory;
  const auto put = [&](const char* from, const char* to) {
    fs::copy(fs::path(debian_fashion) / from, directory / to, fs::copy_options::overwrite_existing);
  };
  put("t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz");
  put("t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz");
  BOOST_TEST(fails_with({"got the contents of t10k-images-idx3-ubyte of fashion-mnist"},
                        [&] { FashionMnist(directory.path(), Split::train); }));
  const fs::path mnist = test::shared_data("mnist");
  if (mnist.empty()) return;
  put("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz");
  fs::copy(mnist / "train-labels-idx1-ubyte.gz", directory.path(), fs::copy_options::overwrite_existing);
  BOOST_TEST(fails_with({"train-labels-idx1-ubyte.gz]", "got the contents of train-labels-idx1-ubyte of mnist"},
                        [&] { FashionMnist(directory.path(), Split::train); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
