// Pictures on disk and in memory: files that shrink or may not be read, and what a process needs to read one.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "data/picture.h"
#include "framework/tensor/memory.h"
#include "tests/data/jpeg_files.h"
#include "tests/data/picture_files.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

using test::Bytes;
using test::bytes_of;
using test::fails_with;

// A file that somebody else cuts off while it is read.
class Shrinking : public ByteSource {
 public:
  Shrinking(std::filesystem::path path, std::uintmax_t to)
      : ByteSource(path.string()), path_(std::move(path)), to_(to), file_(path_) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t count = file_.read(out);
    if (std::filesystem::file_size(path_) > to_) std::filesystem::resize_file(path_, to_);
    return count;
  }

 private:
  std::filesystem::path path_;
  std::uintmax_t to_;
  FileSource file_;
};

// Nobody, for who runs the tests as root, which may read everything.
struct Nobody {
  Nobody() : was(geteuid()) {
    if (was == 0) changed = seteuid(65534) == 0;
  }
  ~Nobody() {
    if (changed) BOOST_TEST(seteuid(was) == 0);
  }
  uid_t was;
  bool changed = false;
};

// The most that a process had in memory which reads the file, or does nothing. In bytes.
std::int64_t peak_of(const Bytes& file, bool reads) {
  memory::release_kept();
  malloc_trim(0);
  const pid_t child = fork();
  if (child == 0) {
    if (reads) {
      MemorySource source(file, "picture");
      read_picture(source);
    }
    _exit(0);
  }
  int status = -1;
  rusage usage{};
  BOOST_REQUIRE(wait4(child, &status, 0, &usage) == child);
  BOOST_REQUIRE(status == 0);
  return std::int64_t{1024} * usage.ru_maxrss;
}

BOOST_AUTO_TEST_SUITE(picture_reading)

// Pictures are read in pieces of 64 KiB.
BOOST_AUTO_TEST_CASE(a_file_that_shrinks_while_it_is_read_is_an_error) {
  const test::TemporaryDirectory folder;
  const Bytes file = test::random_png(1, 250, 200, 2);
  BOOST_REQUIRE(file.size() > 140'000U);
  for (const std::uintmax_t to : {std::uintmax_t{0}, std::uintmax_t{1000}, std::uintmax_t{100'000}}) {
    test::put_file(folder / "shrinks.png", file);
    Shrinking source(folder / "shrinks.png", to);
    BOOST_TEST(fails_with({"shrinks.png", "a PNG with an end within chunk IDAT"}, [&] { read_picture(source); }));
  }
  test::put_file(folder / "stays.png", file);
  Shrinking source(folder / "stays.png", file.size());
  BOOST_TEST((read_picture(source).shape() == Shape{250, 200, 3}));
}

BOOST_AUTO_TEST_CASE(a_file_that_may_not_be_read_is_named) {
  const test::TemporaryDirectory folder;
  test::put_file(folder / "secret.png", test::random_png(1, 8, 8));
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0755});
  for (const bool may : {true, false}) {
    std::filesystem::permissions(folder / "secret.png", std::filesystem::perms{may ? 0444U : 0000U});
    const Nobody nobody;
    const auto open = [&] {
      FileSource source(folder / "secret.png");
      read_picture(source);
    };
    if (may) open();
    else BOOST_TEST(fails_with({"secret.png", "Permission denied"}, open));
  }
}

// Rows of a PNG without filters whose file is as long as its pixels.
Bytes noise(std::int64_t rows, std::int64_t bytes, unsigned below) {
  Bytes out(static_cast<std::size_t>(rows * (1 + bytes)));
  const Rng rng(1);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (i % static_cast<std::size_t>(1 + bytes) != 0) out[i] = static_cast<std::byte>(rng.below(below, i));
  return out;
}

// Held at once: the file, its pixels in all forms that they take on the way, the decoder's memory and the result. A
// process grows by more, as the pool keeps what the file was read into while it grew.
BOOST_AUTO_TEST_CASE(a_picture_takes_less_than_four_times_what_is_decoded) {
  if (test::instrumented) return;
  constexpr std::int64_t side = 2000, room = std::int64_t{1} << 20;
  const auto check = [](const char* kind, const Bytes& file, std::int64_t bytes) {
    const std::int64_t decoded = side * side * bytes, grown = peak_of(file, true) - peak_of(file, false);
    memory::reset_peak();
    const auto before = static_cast<std::int64_t>(memory::stats().live_bytes);
    {
      MemorySource source(file, "picture");
      read_picture(source);
    }
    const std::int64_t held = static_cast<std::int64_t>(memory::stats().peak_bytes) - before;
    BOOST_TEST_MESSAGE(kind << ": " << static_cast<double>(held) / static_cast<double>(decoded) << ", a process "
                            << static_cast<double>(grown) / static_cast<double>(decoded));
    BOOST_TEST(held > decoded, kind);
    BOOST_TEST(held < 4 * decoded + room, kind << ": " << held << " of " << decoded);
    BOOST_TEST(grown < 5 * decoded + room, kind << ": " << grown << " of " << decoded);
  };
  struct Kind {
    const char* name;
    int colour, depth;
    std::int64_t bytes, decoded;  // of a pixel
  };
  for (const Kind& k : {Kind{"grey", 0, 8, 1, 1}, Kind{"RGB", 2, 8, 3, 3}, Kind{"palette", 3, 8, 1, 3},
                        Kind{"RGB and alpha", 6, 8, 4, 4}, Kind{"RGB of 16 bits", 2, 16, 6, 6}}) {
    const Bytes rows = noise(side, side * k.bytes, k.colour == 3 ? 3 : 256);
    check(k.name,
          test::png_file(test::png_header(side, side, k.depth, k.colour), rows,
                         k.colour == 3 ? bytes_of("abc") : Bytes{}),
          k.decoded);
  }
  for (const std::int64_t channels : {1, 3})
    check("JPEG", test::jpeg_file(Tensor::full({side, side, channels}, 77, DType::u8), 6), channels);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
