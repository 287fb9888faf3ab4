// IDX and gzip: each rule by hand, every prefix, every flipped bit, and random damage.
#include "data/idx.h"

#include <boost/test/unit_test.hpp>
#include <map>
#include <optional>

#include "data/gzip.h"
#include "framework/tensor/memory_limits.h"
#include "tests/data/packed.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"
#include "tests/support/mutate.h"
#include "tests/support/temporary_directory.h"

namespace ebb::idx_test {
namespace {

using test::AllocationWatch;
using test::Bytes;
using test::Dice;
using test::fails_with;
using test::gzip;
using test::put_file;

Bytes idx(std::vector<std::uint32_t> dims, std::size_t contents) {
  Bytes out{std::byte{0}, std::byte{0}, std::byte{8}, static_cast<std::byte>(dims.size())};
  for (const std::uint32_t dim : dims)
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(dim >> shift));
  for (std::size_t i = 0; i < contents; ++i) out.push_back(static_cast<std::byte>(i * 5 + 3));
  return out;
}

Tensor read(const Bytes& bytes) {
  MemorySource source(bytes, "sample");
  return read_idx(source, bytes.size());
}

// A second reader of plain IDX, written without regard to the first: it trusts the file.
struct Naive {
  std::vector<std::int64_t> dims;
  Bytes contents;

  explicit Naive(const Bytes& file) {
    const auto rank = static_cast<std::size_t>(file.at(3));
    for (std::size_t axis = 0; axis < rank; ++axis) {
      std::int64_t dim = 0;
      for (std::size_t i = 0; i < 4; ++i) dim = dim * 256 + static_cast<std::int64_t>(file.at(4 + 4 * axis + i));
      dims.push_back(dim);
    }
    contents.assign(file.begin() + 4 + static_cast<std::ptrdiff_t>(4 * rank), file.end());
  }
};

bool same(const Tensor& got, const Naive& wanted) {
  return got.dtype() == DType::u8 && std::ranges::equal(got.shape().dims(), wanted.dims) &&
         std::ranges::equal(got.bytes(), wanted.contents);
}

// Reading gzip holds the inflated bytes once in pieces and once as the tensor, beside zlib's window.
std::size_t allowed(std::size_t plain_size) { return 3 * plain_size + (std::size_t{192} << 10); }

enum class Outcome { refused, equal, wrong };

// `file` must be refused or read as `plain` says; `plain` alone decides what may be allocated.
Outcome outcome_of(const Bytes& file, const Bytes& plain) {
  const AllocationWatch watch;
  Outcome outcome = Outcome::refused;
  try {
    const Tensor got = read(file);
    outcome = same(got, Naive(plain)) ? Outcome::equal : Outcome::wrong;
  } catch (const Error&) {
  }
  return watch.peak_bytes() > allowed(std::max(file.size(), plain.size())) ? Outcome::wrong : outcome;
}

std::vector<Bytes> samples() { return {idx({5}, 5), idx({2, 3, 4}, 24), idx({0}, 0), idx({40, 28, 28}, 31360)}; }

std::vector<Bytes> small_samples() { return {idx({5}, 5), idx({2, 3, 4}, 24), idx({0}, 0), idx({9, 7, 3}, 189)}; }

BOOST_AUTO_TEST_SUITE(idx_files)

BOOST_AUTO_TEST_CASE(plain_and_gzip) {
  const test::TemporaryDirectory directory;
  for (const Bytes& plain : samples()) {
    BOOST_TEST(same(read(plain), Naive(plain)));
    for (const int level : {0, 1, 9}) BOOST_TEST(same(read(gzip(plain, level)), Naive(plain)));
    test::put_file(directory / "plain", plain);
    test::put_file(directory / "packed", gzip(plain));
    BOOST_TEST(same(read_idx(directory / "plain"), Naive(plain)));
    BOOST_TEST(same(read_idx(directory / "packed"), Naive(plain)));
  }
  // More than one piece of a megabyte.
  const Bytes large = idx({3000, 28, 28}, 3000 * 784);
  BOOST_TEST(same(read(gzip(large)), Naive(large)));
}

BOOST_AUTO_TEST_CASE(each_rule) {
  struct Rule {
    Bytes file;
    std::vector<std::string_view> message;
  };
  const auto changed = [](Bytes file, std::size_t at, int value) {
    file[at] = static_cast<std::byte>(value);
    return file;
  };
  const Bytes labels = idx({5}, 5);
  const std::vector<Rule> rules{
      {{}, {"the magic number", "2 bytes"}},
      {changed(labels, 0, 1), {"1 0 8 1", "0 0 8 1 (labels) or 0 0 8 3 (images)"}},
      {changed(labels, 1, 1), {"0 1 8 1"}},
      {changed(labels, 2, 9), {"0 0 9 1"}},
      {changed(labels, 2, 0x0D), {"0 0 13 1"}},
      {changed(labels, 3, 0), {"0 0 8 0"}},
      {idx({5, 1}, 5), {"0 0 8 2"}},
      {idx({5, 1, 1, 1}, 5), {"0 0 8 4"}},
      {idx({10'000'001}, 5), {"dimension 0 of 10000001", "0 to 10000000"}},
      {idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, 0), {"dimension 0 of 4294967295"}},
      {idx({1, 4097, 1}, 4097), {"dimension 1 of 4097", "1 to 4096"}},
      {idx({1, 1, 4097}, 4097), {"dimension 2 of 4097"}},
      {idx({1, 0, 1}, 0), {"dimension 1 of 0"}},
      {idx({1, 1, 0}, 0), {"dimension 2 of 0"}},
  };
  for (const Rule& rule : rules) {
    for (const Bytes& file : {rule.file, gzip(rule.file)}) {
      if (rule.file.empty() && !file.empty()) continue;
      std::string message = "accepted";
      try {
        read(file);
      } catch (const Error& error) {
        message = error.what();
      }
      BOOST_TEST(message.starts_with("[sample] "), message);
      for (const std::string_view part : rule.message) BOOST_TEST(message.find(part) != std::string::npos, message);
    }
  }
  // Length against what is announced: told by the size of a plain file, by the end of a packed one.
  BOOST_TEST(fails_with({"12 bytes", "13 for the shape [5]", "cut off"}, [] { read(idx({5}, 4)); }));
  BOOST_TEST(fails_with({"14 bytes", "13 for the shape [5]", "behind"}, [] { read(idx({5}, 6)); }));
  BOOST_TEST(fails_with({"an end after 4 bytes of its contents", "5 bytes"}, [] { read(gzip(idx({5}, 4))); }));
  BOOST_TEST(fails_with({"more bytes behind the end"}, [] { read(gzip(idx({5}, 6))); }));
  // What is just within the rules.
  BOOST_TEST(read(idx({1, 4096, 1}, 4096)).size() == 4096);
  BOOST_TEST(read(idx({10'000'000}, 10'000'000)).size() == 10'000'000);
}

BOOST_AUTO_TEST_CASE(gzip_rules) {
  const Bytes good = gzip(idx({5}, 5));
  const auto with = [&good](const Bytes& tail) {
    Bytes out = good;
    out.insert(out.end(), tail.begin(), tail.end());
    return out;
  };
  BOOST_TEST(fails_with({"bytes behind the end of its gzip data"}, [&] { read(with({std::byte{0}})); }));
  BOOST_TEST(fails_with({"bytes behind"}, [&] { read(with(good)); }));
  Bytes crc = good;
  crc[crc.size() - 8] ^= std::byte{1};
  BOOST_TEST(fails_with({"damaged gzip data (incorrect data check)"}, [&] { read(crc); }));
  Bytes length = good;
  length[length.size() - 4] ^= std::byte{1};
  BOOST_TEST(fails_with({"damaged gzip data (incorrect length check)"}, [&] { read(length); }));
  // The end of the source may come in a piece of its own, and so may trailing bytes.
  class Slow : public ByteSource {
   public:
    explicit Slow(const Bytes& bytes) : ByteSource("slow"), rest_(bytes) {}
    std::size_t read(std::span<std::byte> out) override {
      if (out.empty() || rest_.empty()) return 0;
      out[0] = rest_.front();
      rest_ = rest_.subspan(1);
      return 1;
    }

   private:
    std::span<const std::byte> rest_;
  };
  Slow slow(good);
  BOOST_TEST(read_idx(slow, good.size()).size() == 5);
  const Bytes longer = with({std::byte{7}});
  Slow trailing(longer);
  BOOST_TEST(fails_with({"[slow]", "more bytes behind"}, [&] { read_idx(trailing, longer.size()); }));
}

// Compressed zeros announce and hold a thousand times the file's size, but a lying header costs nothing.
BOOST_AUTO_TEST_CASE(announced_sizes_are_not_trusted) {
  const Bytes lying = gzip(idx({10'000'000, 4096, 4096}, 1000));
  const Bytes plain = idx({10'000'000, 4096, 4096}, 1000);
  const AllocationWatch watch;
  BOOST_TEST(fails_with({"[sample] got no memory for its contents [10000000, 4096, 4096]"}, [&] { read(lying); }));
  BOOST_TEST(fails_with({"an end after"}, [] { read(gzip(idx({60'000, 28, 28}, 1000))); }));
  BOOST_TEST(fails_with({"167772160000016"}, [&] { read(plain); }));
  BOOST_TEST(watch.peak_bytes() < (std::size_t{2} << 20));
}

// Nothing is read before the announced size is known to fit: these contents would not even be complete.
BOOST_AUTO_TEST_CASE(announced_sizes_are_compared_with_the_memory_there_is) {
  const test::TemporaryDirectory directory;
  const auto plain = directory / "plain";
  put_file(plain, idx({50'000, 28, 28}, 0));
  std::filesystem::resize_file(plain, 16 + 50'000 * 784);
  const Bytes packed = gzip(idx({500'000, 28, 28}, 1000));
  detail::pretend_available(std::int64_t{400} << 20);
  BOOST_TEST(read_idx(plain).size() == 50'000 * 784);
  BOOST_TEST(fails_with({"no memory for its contents [500000, 28, 28], in pieces and as a whole, of 747.7 MiB, with ",
                         "400.0 MiB available"},
                        [&] { read(packed); }));
  detail::pretend_available(std::int64_t{30} << 20);
  BOOST_TEST(fails_with({"[" + plain.string(), "no memory for its contents [50000, 28, 28] of 37.4 MiB"},
                        [&] { read_idx(plain); }));
  detail::pretend_available({});
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_bit) {
  for (const Bytes& plain : small_samples()) {
    for (const bool packed : {false, true}) {
      const Bytes file = packed ? gzip(plain) : plain;
      int accepted = 0;
      for (std::size_t size = 0; size < file.size(); ++size) {
        const Bytes prefix(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
        accepted += outcome_of(prefix, plain) == Outcome::refused ? 0 : 1;
      }
      BOOST_TEST(accepted == 0);
      int wrong = 0;
      for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        Bytes copy = file;
        copy[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        wrong += outcome_of(copy, packed ? plain : copy) == Outcome::wrong ? 1 : 0;
      }
      BOOST_TEST(wrong == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(twenty_thousand_mutations) {
  const std::vector<Bytes> all = small_samples();
  std::map<Outcome, int> outcomes;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Dice dice(seed);
    Bytes plain = all[seed % all.size()];
    Bytes file;
    if (dice.chance(30)) {  // damaged after it was packed: the checksum must tell
      file = gzip(plain, dice.chance(50) ? 0 : 6);
      for (std::size_t n = 1 + dice.below(3); n > 0; --n) test::mutate_bytes(file, dice);
    } else {
      for (std::size_t n = 1 + dice.below(3); n > 0; --n) test::mutate_bytes(plain, dice);
      if (dice.chance(50) && plain.size() >= 16 &&
          plain[3] <= std::byte{3}) {  // lengths that fit, so that more gets through
        const Naive naive(plain);
        std::int64_t size = 1;
        for (const std::int64_t dim : naive.dims) size *= dim < 64 ? dim : 1;
        plain.resize(4 + 4 * naive.dims.size() + static_cast<std::size_t>(size));
      }
      file = dice.chance(50) ? gzip(plain) : plain;
    }
    ++outcomes[outcome_of(file, plain)];
  }
  BOOST_TEST(outcomes[Outcome::wrong] == 0);
  BOOST_TEST(outcomes[Outcome::equal] > 500);
  BOOST_TEST(outcomes[Outcome::refused] > 3000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::idx_test
