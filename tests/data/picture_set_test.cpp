// Pictures of a folder in one size: the same on any number of threads, split by their pixels.
#include "data/picture_set.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "data/picture.h"
#include "data/picture_survey.h"
#include "framework/io/checksum.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/machine_error.h"
#include "tests/data/picture_files.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

using test::fails_with;
using test::put_below;
using test::put_classes;
using test::random_png;
using test::TemporaryDirectory;

PictureSet read(const fs::path& root, const PictureSetOptions& options) {
  return read_pictures(find_pictures(root), options).set;
}

bool same(const PictureSplit& a, const PictureSplit& b) {
  return a.pixels.shape() == b.pixels.shape() && std::ranges::equal(a.pixels.bytes(), b.pixels.bytes()) &&
         std::ranges::equal(a.labels.bytes(), b.labels.bytes()) && a.sources == b.sources && a.sha256 == b.sha256;
}

BOOST_AUTO_TEST_SUITE(picture_set)

BOOST_AUTO_TEST_CASE(pictures_are_those_that_a_prediction_sees) {
  const TemporaryDirectory root;
  for (const char* const split : {"train", "test"}) {
    put_below(root / split / "a/1.png", random_png(1, 13, 9));
    put_below(root / split / "b/2.png", random_png(2, 20, 30, 2));
  }
  for (const bool grey : {false, true})
    for (const Fit fit : {Fit::crop, Fit::pad, Fit::stretch}) {
      const PictureSet set = read(root.path(), {.size = PictureSize{12, 10}, .fit = fit, .grey = grey});
      const std::int64_t channels = grey ? 1 : 3;
      BOOST_REQUIRE((set.train.pixels.shape() == Shape{2, 12, 10, channels}));
      for (std::size_t i = 0; i < 2; ++i) {
        const fs::path path = root / set.train.sources[i];
        FileSource file(path);
        const Tensor wanted =
            resize(with_channels(read_picture(file), channels), 12, 10, {.fit = fit, .background = {255, 255, 255}});
        const auto length = static_cast<std::size_t>(wanted.size());
        BOOST_TEST(std::ranges::equal(set.train.pixels.bytes().subspan(i * length, length), wanted.bytes()));
        BOOST_TEST(set.train.sha256[i] == sha256_file(path));
        BOOST_TEST(label_of(set.train, static_cast<std::int64_t>(i)) == static_cast<std::int64_t>(i));
      }
    }
}

BOOST_AUTO_TEST_CASE(the_same_bytes_on_any_number_of_threads) {
  const TemporaryDirectory root;
  put_classes(root.path(), {"a", "b", "c"}, 150);
  put_below(root / "b/z.png", random_png(9, 40, 31, 2));
  const int before = parallel::thread_count();
  parallel::set_thread_count(1);
  std::vector<std::int64_t> calls;
  const PictureSetOptions options{.progress = [&](std::int64_t done, std::int64_t total) {
    calls.push_back(done);
    BOOST_TEST(total == 902);
  }};
  const PictureSet one = read(root.path(), options);
  BOOST_TEST(std::ranges::is_sorted(calls));
  BOOST_TEST(calls.back() == 902);
  parallel::set_thread_count(3);
  const PictureSet three = read(root.path(), {});
  parallel::set_thread_count(before);
  BOOST_TEST(same(one.train, three.train));
  BOOST_TEST(same(one.test, three.test));
  BOOST_TEST((one.train.pixels.shape().without(0) == Shape{8, 8, 3}));  // the median, and one is in colour
}

BOOST_AUTO_TEST_CASE(the_size_is_the_median_where_none_is_given) {
  const TemporaryDirectory root;
  int number = 0;
  for (const auto& [height, width] : {std::pair(4U, 90U), {10U, 20U}, {12U, 7U}, {50U, 8U}, {11U, 21U}}) {
    ++number;
    put_below(root / (number % 2 == 0 ? "a" : "b") / (std::to_string(number) + ".png"),
              random_png(static_cast<std::uint64_t>(number), height, width));
  }
  const PictureSurvey survey = survey_pictures(find_pictures(root.path()));
  BOOST_TEST(to_text(median_size(survey)) == "11x20");
}

std::set<std::string> sources(const PictureSplit& split) { return {split.sources.begin(), split.sources.end()}; }

// Each picture goes where its own pixels say.
BOOST_AUTO_TEST_CASE(a_picture_more_moves_no_other_to_the_test_half) {
  const TemporaryDirectory root;
  put_classes(root.path(), {"a", "b"}, 200);
  const PictureSetOptions options{.size = PictureSize{8, 8}, .seed = 3};
  const PictureSet before = read(root.path(), options);
  BOOST_TEST(before.test.labels.size() > 50);  // 80 of 400, with a deviation of 8
  BOOST_TEST(before.test.labels.size() < 110);
  for (int i = 0; i < 20; ++i)
    put_below(root / "a" / ("new" + std::to_string(i) + ".png"),
              random_png(5000 + static_cast<std::uint64_t>(i), 8, 8));
  const PictureSet after = read(root.path(), options);
  BOOST_TEST(after.train.labels.size() + after.test.labels.size() == 420);
  BOOST_TEST(std::ranges::includes(sources(after.test), sources(before.test)));
  BOOST_TEST(std::ranges::includes(sources(after.train), sources(before.train)));
  BOOST_TEST((sources(read(root.path(), {.size = PictureSize{8, 8}, .seed = 4}).test) != sources(before.test)));
  // Nor does another size, or another way of fitting.
  BOOST_TEST((sources(read(root.path(), {.size = PictureSize{5, 6}, .fit = Fit::pad, .seed = 3}).test) ==
              sources(after.test)));
}

BOOST_AUTO_TEST_CASE(equal_pictures_are_never_on_both_sides) {
  const TemporaryDirectory root;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const test::Bytes bytes = random_png(i, 8, 8);
    put_below(root / "a" / (std::to_string(i) + ".png"), bytes);
    put_below(root / "b" / ("copy" + std::to_string(i) + ".png"), bytes);  // of another class, under another name
    // The same colours in another kind of file: each grey value three times.
    test::Bytes rows;
    for (std::uint64_t y = 0; y < 8; ++y) {
      rows.push_back(std::byte{0});
      for (std::uint64_t x = 0; x < 8; ++x)
        rows.insert(rows.end(), 3, static_cast<std::byte>(Rng(i).below(256, 1000 * y + x)));
    }
    put_below(root / "b" / ("colour" + std::to_string(i) + ".png"), test::png_file(test::png_header(8, 8, 8, 2), rows));
  }
  const PictureSet set = read(root.path(), {.size = PictureSize{8, 8}});
  std::set<std::string> numbers;
  for (const std::string& source : set.test.sources) {
    std::string number = source.substr(2);
    std::erase_if(number, [](char c) { return c < '0' || c > '9'; });
    numbers.insert(number);
  }
  BOOST_TEST(set.test.sources.size() == 3 * numbers.size());
  BOOST_TEST(numbers.size() > 5U);
}

BOOST_AUTO_TEST_CASE(broken_pictures_are_listed_or_left_out) {
  const TemporaryDirectory root;
  put_classes(root.path(), {"a", "b"}, 30);
  put_below(root / "a/empty.png", "");
  put_below(root / "a/page.png", "<html>not found</html>");
  put_below(root / "b/cut.png", [] {
    test::Bytes bytes = random_png(7, 8, 8);
    bytes.resize(bytes.size() / 2);
    return bytes;
  }());
  fs::create_symlink("nowhere", root / "b/dangling.png");
  BOOST_REQUIRE(::mkfifo((root / "b/pipe.jpg").c_str(), 0600) == 0);
  const PictureSetOptions options{.size = PictureSize{8, 8}};
  BOOST_TEST(fails_with({"5 pictures that cannot be read", "empty.png] got nothing (0 bytes)", "a web page (HTML)",
                         "cut.png", "dangling.png", "pipe.jpg", "skip_broken"},
                        [&] { read(root.path(), options); }));
  const ReadPictures some = read_pictures(find_pictures(root.path()), {.size = PictureSize{8, 8}, .skip_broken = true});
  BOOST_TEST(some.set.train.labels.size() + some.set.test.labels.size() == 60);
  BOOST_REQUIRE(some.skipped.size() == 5U);
  BOOST_TEST(some.skipped[0].source == "b/cut.png");
  BOOST_TEST(some.skipped[2].source == "a/empty.png");
  BOOST_TEST(some.skipped[2].reason.find("0 bytes") != std::string::npos);
  // A class may be lost with its files.
  const TemporaryDirectory lost;
  put_classes(lost.path(), {"a"}, 10);
  put_below(lost / "b/1.png", "GIF89a");
  BOOST_TEST(fails_with({"classes without a picture to learn from", "\n  b"}, [&] {
    read_pictures(find_pictures(lost.path()), {.size = PictureSize{8, 8}, .skip_broken = true});
  }));
}

// All descriptors that the process may have are taken while it lives.
struct NoDescriptors {
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit few = before;
    few.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int more = 0; (more = ::open("/dev/null", O_RDONLY)) >= 0;) taken.push_back(more);
  }
  ~NoDescriptors() {
    for (const int each : taken) ::close(each);
    ::setrlimit(RLIMIT_NOFILE, &before);
  }
  rlimit before{};
  std::vector<int> taken;
};

// Left out, they would be missing from the set without a word.
BOOST_AUTO_TEST_CASE(a_failure_of_the_machine_is_no_broken_picture) {
  const TemporaryDirectory root;
  put_classes(root.path(), {"a", "b"}, 30);
  const PictureSetOptions options{.size = PictureSize{8, 8}, .skip_broken = true};
  const PictureFolder folder = find_pictures(root.path());
  BOOST_TEST(read_pictures(folder, options).skipped.empty());
  if (!test::instrumented) {  // UBSan needs descriptors of its own to look at what is thrown
    const NoDescriptors taken;
    BOOST_REQUIRE(taken.taken.size() > 100U);
    BOOST_CHECK_EXCEPTION(read_pictures(folder, options), MachineError, [](const MachineError& error) {
      return std::string_view(error.what()).find("ulimit -n") != std::string_view::npos;
    });
    BOOST_CHECK_THROW(survey_pictures(folder), MachineError);
  }
  // Reading it at its beginning is an input/output error.
  fs::create_symlink("/proc/self/mem", root / "a/0.png");
  const PictureFolder damaged = find_pictures(root.path());
  BOOST_CHECK_EXCEPTION(read_pictures(damaged, options), MachineError, [](const MachineError& error) {
    return std::string_view(error.what()).find("/a/0.png] got \"Input/output error\"") != std::string_view::npos;
  });
  BOOST_CHECK_THROW(survey_pictures(damaged), MachineError);
}

BOOST_AUTO_TEST_CASE(statistics_are_rounded_as_published_ones_are) {
  PictureSet set;
  set.train.pixels = Tensor::full({1, 2, 2, 1}, 0, DType::u8);
  set.train.pixels.mutable_data<std::uint8_t>()[0] = 77;
  const PixelStatistics exact = fit_statistics(set.train.pixels), rounded = picture_statistics(set);
  BOOST_TEST(rounded.mean[0] == 0.0755);
  BOOST_TEST(rounded.deviation[0] == 0.1308);
  BOOST_TEST(exact.mean[0] != rounded.mean[0]);
  set.train.pixels.mutable_data<std::uint8_t>()[0] = 1;  // rounding would leave too few digits
  BOOST_TEST((picture_statistics(set) == fit_statistics(set.train.pixels)));
}

BOOST_AUTO_TEST_CASE(more_than_256_classes_have_labels_of_their_own) {
  const TemporaryDirectory root;
  std::vector<std::string> classes;
  for (int c = 0; c < 300; ++c) classes.push_back("c" + std::to_string(1000 + c));
  put_classes(root / "train", classes, 1);
  put_classes(root / "test", {"c1000", "c1299"}, 1, 9000);
  const PictureSet set = read(root.path(), {.size = PictureSize{8, 8}});
  BOOST_TEST(set.train.labels.dtype() == DType::i32);
  const ImageDataset train = to_dataset(set, Split::train, picture_statistics(set));
  BOOST_TEST(train.classes() == 300);
  std::vector<float> samples(128);
  std::vector<std::int64_t> labels(2);
  const std::vector<std::int64_t> wanted{255, 299};
  train.read(wanted, samples, labels);
  BOOST_TEST(labels == wanted, boost::test_tools::per_element());
  BOOST_TEST(to_dataset(set, Split::test, picture_statistics(set)).label(1) == 299);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(picture_survey)

BOOST_AUTO_TEST_CASE(equal_and_nearly_constant_pictures_are_found) {
  const TemporaryDirectory root;
  for (const char* const split : {"train", "test"})
    for (const char* const name : {"a", "b"})
      put_classes(root / split, {name}, 3, (split[1] == 'r' ? 1000U : 5000U) + 10U * static_cast<unsigned>(name[0]));
  const test::Bytes twice = random_png(77, 8, 8);
  put_below(root / "train/a/x.png", twice);
  put_below(root / "train/b/y.png", twice);
  put_below(root / "test/b/z.png", twice);
  test::Bytes rows(9 * 8, std::byte{0});
  rows[3] = std::byte{9};
  put_below(root / "test/a/dark.png", test::png_file(test::png_header(8, 8, 8, 0), rows));
  put_below(root / "test/a/broken.png", "nothing");
  const PictureSurvey survey = survey_pictures(find_pictures(root.path()));
  const auto within = equal_pictures(survey.train, survey.train), across = equal_pictures(survey.train, survey.test);
  BOOST_REQUIRE(within.size() == 1U);
  BOOST_TEST(within[0].first->source == "train/a/x.png");
  BOOST_TEST(within[0].second->source == "train/b/y.png");
  BOOST_REQUIRE(across.size() == 1U);
  BOOST_TEST(across[0].second->source == "test/b/z.png");
  BOOST_TEST(equal_pictures(survey.test, survey.test).empty());
  std::vector<std::string> flat, broken;
  for (const SurveyedPicture& one : survey.test) {
    if (!one.problem.empty()) broken.push_back(one.source);
    else if (one.deviation < least_deviation) flat.push_back(one.source);
  }
  BOOST_TEST(flat == std::vector<std::string>{"test/a/dark.png"}, boost::test_tools::per_element());
  BOOST_TEST(broken == std::vector<std::string>{"test/a/broken.png"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
