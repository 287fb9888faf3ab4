#include "data/cifar.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "data/loader.h"
#include "data/optdigits.h"
#include "data/tar.h"
#include "framework/tensor/memory_limits.h"
#include "tests/data/packed.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using test::cifar;
using test::Environment;
using test::fails_with;
using test::gzip;
using test::put_file;
using test::tar;
using test::TarEntry;
using test::TemporaryDirectory;

CifarRecords read(const Bytes& bytes, CifarFormat format = CifarFormat::cifar10) {
  MemorySource source(bytes, "sample");
  return read_cifar(source, bytes.size(), format);
}

// The five files of a small training set: file k has k + 1 records of the label k.
std::vector<TarEntry> training_files(const std::string& folder = "cifar-10-batches-bin/") {
  std::vector<TarEntry> out;
  for (int k = 0; k < 5; ++k)
    out.push_back({folder + "data_batch_" + std::to_string(k + 1) + ".bin",
                   cifar(std::vector<std::vector<int>>(static_cast<std::size_t>(k + 1), {k}))});
  return out;
}

const std::vector<int> training_labels{0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4};

std::vector<int> labels_of(const ImageDataset& set) {
  const auto labels = set.labels().span<std::uint8_t>();
  return {labels.begin(), labels.end()};
}

constexpr CifarOptions small = {.statistics = {}, .any_count = true};

BOOST_AUTO_TEST_SUITE(cifar_files)

BOOST_AUTO_TEST_CASE(records) {
  const auto [pixels, labels] = read(cifar({{3}, {9}, {0}}));
  BOOST_TEST((pixels.shape() == Shape{3, 32, 32, 3}));
  BOOST_TEST(labels.at({0}) == 3);
  BOOST_TEST(labels.at({1}) == 9);
  bool right = true;
  for (std::int64_t n = 0; n < 3; ++n)
    for (std::int64_t y = 0; y < 32; ++y)
      for (std::int64_t x = 0; x < 32; ++x)
        for (std::int64_t c = 0; c < 3; ++c)
          right = right && pixels.at({n, y, x, c}) == static_cast<double>((c * 80 + x * 2 + y + n) % 256);
  BOOST_TEST(right);

  const Bytes hundred = cifar({{19, 99}, {4, 7}});
  BOOST_TEST(read(hundred, CifarFormat::cifar100_fine).labels.at({0}) == 99);
  BOOST_TEST(read(hundred, CifarFormat::cifar100_coarse).labels.at({0}) == 19);
  BOOST_TEST(read(hundred, CifarFormat::cifar100_fine).pixels.at({1, 2, 3, 1}) == 80 + 6 + 2 + 1);
}

BOOST_AUTO_TEST_CASE(each_rule) {
  BOOST_TEST(fails_with({"[sample]", "0 bytes", "3073"}, [] { read({}); }));
  Bytes longer = cifar({{1}});
  longer.push_back({});
  BOOST_TEST(fails_with({"3074 bytes", "multiple of the 3073"}, [&] { read(longer); }));
  BOOST_TEST(
      fails_with({"3073 bytes", "multiple of the 3074"}, [&] { read(cifar({{1}}), CifarFormat::cifar100_fine); }));
  BOOST_TEST(fails_with({"label 10 of record 1", "below 10"}, [] { read(cifar({{9}, {10}})); }));
  BOOST_TEST(fails_with({"label 20 of record 0", "below 20"}, [] {
    read(cifar({{20, 0}}), CifarFormat::cifar100_fine);
  }));
  BOOST_TEST(fails_with({"label 100 of record 0", "below 100"}, [] {
    read(cifar({{0, 100}}), CifarFormat::cifar100_coarse);
  }));
  const Bytes one = cifar({{1}});
  MemorySource source(one, "longer than said");
  BOOST_TEST(fails_with({"cut off"}, [&] { read_cifar(source, 2 * 3073, CifarFormat::cifar10); }));
  const Bytes two = cifar({{1}, {2}});
  MemorySource more(two, "more");
  BOOST_TEST(fails_with({"[more]", "behind the end"}, [&] { read_cifar(more, 3073, CifarFormat::cifar10); }));
  MemorySource vast(one, "vast");
  BOOST_TEST(fails_with({"10000000 of them"}, [&] { read_cifar(vast, 3073ull * 10'000'001, CifarFormat::cifar10); }));
}

BOOST_AUTO_TEST_CASE(announced_records_are_compared_with_the_memory_there_is) {
  detail::pretend_available(std::int64_t{400} << 20);
  const Bytes few(3073);
  MemorySource source(few, "huge");
  BOOST_TEST(fails_with({"[huge] got no memory for 100000 records, in pieces and as images, of 586.1 MiB"},
                        [&] { read_cifar(source, 3073 * 100'000, CifarFormat::cifar10); }));
  detail::pretend_available({});
}

BOOST_AUTO_TEST_CASE(from_files_and_from_the_archive) {
  const TemporaryDirectory directory;
  const std::vector<TarEntry> files = training_files();
  for (const char* const place :
       {"flat", "set/cifar-10", "folder/cifar-10-batches-bin", "both/cifar-10/cifar-10-batches-bin"}) {
    fs::create_directories(directory / place);
    for (const TarEntry& file : files) put_file(directory / place / fs::path(file.path).filename(), file.contents);
  }
  for (const char* const place : {"packed", "packed-set/cifar-10"}) {
    fs::create_directories(directory / place);
    put_file(directory / place / "cifar-10-binary.tar.gz", gzip(tar(files)));
  }
  for (const char* const place : {"flat", "set", "folder", "both", "packed", "packed-set"}) {
    const Cifar10 set(directory / place, Split::train, small);
    BOOST_TEST((labels_of(set) == training_labels));
    BOOST_TEST(set.pixels().at({14, 1, 2, 2}) == 160 + 4 + 1 + 4);
    BOOST_TEST(set.class_name(9) == "truck");
    BOOST_TEST(set.classes() == 10);
    const Environment variable("EBB_DATA", (directory / place).c_str());
    BOOST_TEST(Cifar10({}, Split::train, small).size() == 15);
  }
  const Cifar10 set(directory / "flat", Split::train, small);
  const Batch batch = Loader(set, {.batch = 1, .shuffle = false}).epoch(0)[0];
  BOOST_TEST(batch.images.at({0, 0, 1, 1}) == (82.0 / 255 - 0.4822) / 0.2435, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(fails_with({"data_batch_1.bin", "1 images", "10000"}, [&] { Cifar10 whole(directory / "flat"); }));
  BOOST_TEST(fails_with({"cifar-10-binary.tar.gz", "data_batch_1.bin", "1 images", "10000"},
                        [&] { Cifar10 whole(directory / "packed"); }));
  BOOST_TEST(fails_with({"no file test_batch.bin"}, [&] { Cifar10(directory / "packed", Split::test, small); }));
  BOOST_TEST(fails_with({"[cifar-10]", "without test_batch.bin", "ebb data fetch", "kriz/cifar.html"},
                        [&] { Cifar10(directory / "flat", Split::test, small); }));
}

BOOST_AUTO_TEST_CASE(hundred_classes) {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "cifar-100-binary");
  put_file(directory / "cifar-100-binary/test.bin", cifar({{3, 42}, {19, 99}}));
  const Cifar100 fine(directory.path(), Split::test, CifarLabels::fine, small);
  BOOST_TEST(fine.classes() == 100);
  BOOST_TEST((labels_of(fine) == std::vector<int>{42, 99}));
  BOOST_TEST(fine.class_name(0) == "apple");
  BOOST_TEST(fine.class_name(42) == "leopard");
  BOOST_TEST(fine.class_name(99) == "worm");
  const Cifar100 coarse(directory.path(), Split::test, CifarLabels::coarse, small);
  BOOST_TEST(coarse.classes() == 20);
  BOOST_TEST((labels_of(coarse) == std::vector<int>{3, 19}));
  BOOST_TEST(coarse.class_name(19) == "vehicles_2");
  put_file(directory / "cifar-100-binary.tar.gz", gzip(tar({{"cifar-100-binary/train.bin", cifar({{0, 1}})}})));
  BOOST_TEST((labels_of(Cifar100(directory.path(), Split::train, CifarLabels::fine, small)) == std::vector<int>{1}));
  BOOST_TEST(fails_with({"1 images", "50000"}, [&] { Cifar100 whole(directory.path()); }));
}

BOOST_AUTO_TEST_CASE(archives) {
  const auto archive = [](const std::vector<TarEntry>& entries) {
    const Bytes packed = gzip(tar(entries));
    MemorySource source(packed, "sample");
    return read_cifar_archive(source, Split::test, CifarFormat::cifar10, true);
  };
  const TarEntry good{"a/b/test_batch.bin", cifar({{5}})};
  BOOST_TEST(archive({good}).labels.item() == 5);
  BOOST_TEST(archive({{"readme.html", {}}, {"folder/", {}, '5'}, good, {"x", Bytes(5000)}}).labels.item() == 5);
  BOOST_TEST(archive({{"link/test_batch.bin", {}, '1'}, {"soft/test_batch.bin", {}, '2'}, good}).labels.item() == 5);
  BOOST_TEST(fails_with({"two files test_batch.bin"}, [&] { archive({good, good}); }));
  BOOST_TEST(fails_with({"no file test_batch.bin"}, [&] { archive({}); }));
  BOOST_TEST(fails_with({"sample:test_batch.bin", "3 bytes"}, [&] { archive({{"test_batch.bin", Bytes(3)}}); }));
  BOOST_TEST(fails_with({"sample:test_batch.bin", "label 10"}, [&] { archive({{"test_batch.bin", cifar({{10}})}}); }));
  BOOST_TEST(fails_with({"more than 10000 entries"}, [&] { archive(std::vector<TarEntry>(10'001, {"x", {}})); }));
  const auto raw = [](const Bytes& bytes) {
    const Bytes packed = gzip(bytes);
    MemorySource source(packed, "sample");
    return read_cifar_archive(source, Split::test, CifarFormat::cifar10, true);
  };
  BOOST_TEST(raw(tar({good}, 100)).labels.item() == 5);
  BOOST_TEST(fails_with({"more bytes behind the end of the archive"}, [&] { raw(tar({good}, 5000)); }));
  Bytes huge = tar({{"huge", {}}, good});
  std::memcpy(huge.data() + 124, "10000000001", 11);  // octal: 1 GiB + 1
  test::sign_tar_header(huge.data());
  BOOST_TEST(fails_with({"an entry of 1073741825 bytes"}, [&] { raw(huge); }));
  Bytes cut = tar({good});
  cut.resize(1000);
  BOOST_TEST(fails_with({"damaged tar archive"}, [&] { raw(cut); }));
  MemorySource plain(cut, "no gzip");
  BOOST_TEST(fails_with({"[no gzip]", "damaged gzip data"},
                        [&] { read_cifar_archive(plain, Split::test, CifarFormat::cifar10); }));
}

// The check of the archive's last bytes counts although nothing is read from there.
BOOST_AUTO_TEST_CASE(damage_behind_the_files_is_seen) {
  Bytes packed = gzip(tar({{"test_batch.bin", cifar({{5}})}}, 2000), 0);
  packed[packed.size() - 100'000] ^= std::byte{1};
  MemorySource source(packed, "sample");
  BOOST_TEST(fails_with({"damaged gzip data (incorrect data check)"},
                        [&] { read_cifar_archive(source, Split::test, CifarFormat::cifar10, true); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(real_cifar_slow)

BOOST_AUTO_TEST_CASE(real_cifar10) {
  const fs::path directory = test::shared_data("cifar-10");
  if (directory.empty()) return;
  const Cifar10 train(directory.parent_path());
  const Cifar10 held_out(directory, Split::test);
  BOOST_TEST(train.size() == 50000);
  BOOST_TEST(held_out.size() == 10000);
  std::array<int, 10> counts{};
  for (const int label : labels_of(train)) ++counts.at(static_cast<std::size_t>(label));
  for (const int count : counts) BOOST_TEST(count == 5000);
  const PixelStatistics fitted = fit_statistics(train.pixels());
  for (std::size_t c = 0; c < 3; ++c) {
    BOOST_TEST(std::abs(fitted.mean[c] - train.statistics().mean[c]) < 1e-4);
    BOOST_TEST(std::abs(fitted.deviation[c] - train.statistics().deviation[c]) < 1e-4);
  }
  const std::array<double, 3> test_means{0.4942, 0.4851, 0.4504};
  const PixelStatistics of_test = fit_statistics(held_out.pixels());
  for (std::size_t c = 0; c < 3; ++c) BOOST_TEST(std::abs(of_test.mean[c] - test_means[c]) < 1e-4);
  BOOST_TEST(train.class_name(train.labels().span<std::uint8_t>()[0]) == "frog");  // the first image of the set
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(optdigits)

BOOST_AUTO_TEST_CASE(real_digits) {
  const fs::path directory = test::shared_data("optdigits");
  if (directory.empty()) return;
  const Optdigits train(directory.parent_path());
  const Optdigits held_out(directory, Split::test);
  BOOST_TEST(train.size() == 3823);
  BOOST_TEST(held_out.size() == 1797);
  BOOST_TEST((train.sample_shape() == Shape{8, 8, 1}));
  std::array<int, 10> counts{};
  for (const int label : labels_of(held_out)) ++counts.at(static_cast<std::size_t>(label));
  BOOST_TEST((counts == std::array<int, 10>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}));
  const PixelStatistics fitted = fit_statistics(train.pixels());
  BOOST_TEST(std::abs(fitted.mean[0] - train.statistics().mean[0]) < 5e-5);
  BOOST_TEST(std::abs(fitted.deviation[0] - train.statistics().deviation[0]) < 5e-5);
  BOOST_TEST(train.pixels().at({0, 0, 3, 0}) == 239);  // 15 of 16
  BOOST_TEST(train.pixels().at({0, 1, 2, 0}) == 255);
}

BOOST_AUTO_TEST_CASE(rules) {
  const TemporaryDirectory directory;
  const auto set = [&directory](const std::string& lines) {
    put_file(directory / "optdigits.tra", lines);
    return Optdigits(directory.path());
  };
  std::string zeros;
  for (int i = 0; i < 63; ++i) zeros += "0,";
  BOOST_TEST(set("16," + zeros + "7\n0," + zeros + "2\n").labels().at({1}) == 2);
  BOOST_TEST(set("8," + zeros + "7\n").pixels().at({0, 0, 0, 0}) == 128);
  BOOST_TEST(fails_with({"optdigits.tra", "a count of 17 in line 2", "0 to 16"},
                        [&] { set("1," + zeros + "7\n17," + zeros + "2\n"); }));
  BOOST_TEST(fails_with({"class 10 in line 1", "0 to 9"}, [&] { set("1," + zeros + "10\n"); }));
  BOOST_TEST(fails_with({"the end in line 1, column 64", "a comma: there are 65 numbers"},
                        [&] { set("1," + zeros.substr(0, zeros.size() - 1)); }));
  BOOST_TEST(fails_with({"[optdigits]", "without optdigits.tes", "archive.ics.uci.edu"},
                        [&] { Optdigits(directory.path(), Split::test); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
