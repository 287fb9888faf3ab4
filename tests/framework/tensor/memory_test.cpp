#include "framework/tensor/memory.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <latch>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_bound.h"
#include "framework/tensor/memory_limits.h"
#include "framework/tensor/tensor.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

Tensor bytes(std::int64_t count) { return Tensor({count}, DType::u8); }

// Blocks asked of the system while `f` runs.
template <class F>
std::uint64_t asked(F&& f) {
  const std::uint64_t before = memory::stats().system_blocks;
  f();
  return memory::stats().system_blocks - before;
}

BOOST_AUTO_TEST_SUITE(memory_pool)

BOOST_AUTO_TEST_CASE(blocks_are_aligned_for_every_size) {
  std::vector<Tensor> held;
  for (std::int64_t size = 0; size < 5000; size += 37) held.push_back(bytes(size));
  for (const std::int64_t size : {65536, 1 << 20, (4 << 20) - 64, (4 << 20) + 1, 9 << 20}) held.push_back(bytes(size));
  std::int64_t astray = 0;
  for (const Tensor& tensor : held)
    if (reinterpret_cast<std::uintptr_t>(tensor.data<std::uint8_t>()) % 64 != 0) ++astray;
  BOOST_TEST(astray == 0);
}

// Otherwise reads of one array wait for the writes of another: see placement.h.
BOOST_AUTO_TEST_CASE(large_arrays_begin_at_the_same_place_modulo_512) {
  std::vector<Tensor> held;
  for (std::int64_t size = 4096; size < 3 << 20; size = size * 9 / 8 + 8) {
    held.push_back(bytes(size));
    held.push_back(bytes(size));
    if (size % 3 == 0) held.erase(held.begin());  // so that kept pieces are cut
  }
  std::int64_t astray = 0;
  const auto place = [](const void* at) { return reinterpret_cast<std::uintptr_t>(at) % 512; };
  const auto first = place(held.front().data<std::uint8_t>());
  for (const Tensor& tensor : held)
    if (place(tensor.data<std::uint8_t>()) != first) ++astray;
  for (const std::size_t size : {100u, 10000u, 1000000u})
    if (place(parallel::scratch_bytes(0, size)) != first) ++astray;
  BOOST_TEST(astray == 0);
}

BOOST_AUTO_TEST_CASE(blocks_do_not_overlap) {
  std::vector<Tensor> held;
  for (std::int64_t size = 1; size < 3000; size += 13) {
    held.push_back(bytes(size));
    fill(held.back(), static_cast<double>(held.size() % 251));
  }
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < held.size(); ++i) {
    for (const std::uint8_t byte : held[i].span<std::uint8_t>())
      if (byte != (i + 1) % 251) ++wrong;
  }
  BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(the_counters_follow_tensors) {
  memory::release_kept();
  const memory::Stats before = memory::stats();
  memory::reset_peak();
  BOOST_TEST(memory::stats().peak_bytes == before.live_bytes);
  {
    const Tensor a = bytes(100000);
    const Tensor b = a;  // shares
    const memory::Stats during = memory::stats();
    BOOST_TEST(during.live_bytes >= before.live_bytes + 100000);
    BOOST_TEST(during.live_bytes <= before.live_bytes + 112500 + 64);  // an eighth is the most a block wastes
    BOOST_TEST(during.system_blocks == before.system_blocks + 1);
    BOOST_TEST(during.peak_bytes == during.live_bytes);
  }
  const memory::Stats after = memory::stats();
  BOOST_TEST(after.live_bytes == before.live_bytes);
  BOOST_TEST(after.peak_bytes >= before.live_bytes + 100000);
  memory::release_kept();
  BOOST_TEST(memory::stats().system_bytes == before.system_bytes);
}

BOOST_AUTO_TEST_CASE(blocks_are_reused) {
  if (!memory::pooled()) return;
  const void* first = nullptr;
  {
    const Tensor tensor = bytes(10000);
    first = tensor.data<std::uint8_t>();
  }
  BOOST_TEST(asked([&] { BOOST_TEST(bytes(10000).data<std::uint8_t>() == first); }) == 0u);
  BOOST_TEST(asked([&] { BOOST_TEST(Tensor({50, 50}).data<float>() == first); }) == 0u);  // another type and shape
}

BOOST_AUTO_TEST_CASE(larger_blocks_serve_smaller_requests_within_reach) {
  if (!memory::pooled()) return;
  memory::release_kept();
  { const Tensor tensor = bytes(80000); }
  BOOST_TEST(asked([] { const Tensor tensor = bytes(70000); }) == 0u);
  BOOST_TEST(asked([] { const Tensor tensor = bytes(20000); }) == 0u);
  BOOST_TEST(asked([] { const Tensor tensor = bytes(1000); }) == 1u);  // 80 times smaller: a block of its own
  BOOST_TEST(asked([] { const Tensor tensor = bytes(90000); }) == 1u);
}

BOOST_AUTO_TEST_CASE(large_blocks_are_cut_and_joined) {
  if (!memory::pooled()) return;
  memory::release_kept();
  const std::uint64_t held = memory::stats().system_bytes;
  constexpr std::int64_t part = std::int64_t{3} << 20, whole = 3 * part;
  { const Tensor tensor = bytes(whole); }
  // Each order of coming back leaves one block.
  for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}}) {
    BOOST_TEST(asked([&] {
                 std::vector<Tensor> parts;
                 for (std::uint8_t i = 0; i < 3; ++i) {
                   parts.push_back(bytes(part - 64));
                   fill(parts.back(), 10.0 + i);
                 }
                 std::int64_t wrong = 0;
                 for (std::uint8_t i = 0; i < 3; ++i)
                   for (const std::uint8_t byte : parts[i].span<std::uint8_t>()) wrong += byte == 10 + i ? 0 : 1;
                 BOOST_TEST(wrong == 0);
                 BOOST_TEST(asked([&] { bytes(part); }) == 1u);
                 memory::release_kept();  // takes nothing from those in use
                 for (const std::size_t i : order) parts[i] = Tensor();
               }) == 1u);
    BOOST_TEST(asked([&] { bytes(whole); }) == 0u);
  }
  memory::release_kept();
  BOOST_TEST(memory::stats().system_bytes == held);
}

BOOST_AUTO_TEST_CASE(no_tensor_touches_another_in_any_order) {
  const Rng rng(8);
  std::vector<std::pair<Tensor, std::uint8_t>> held(60);
  std::int64_t wrong = 0, checked = 0;
  const memory::Stats before = memory::stats();
  for (std::uint64_t i = 0; i < 6000; ++i) {
    auto& [tensor, mark] = held[rng.below(held.size(), 3 * i)];
    if (tensor.defined()) {
      const auto kept = tensor.span<std::uint8_t>();
      // The ends and some places between: what lies next to another tensor, or where its head would be.
      for (std::size_t at = 0; at < kept.size(); at += 1 + kept.size() / 64, ++checked)
        wrong += kept[at] == mark ? 0 : 1;
      wrong += kept.back() == mark ? 0 : 1;
      tensor = Tensor();
    }
    if (i >= 5940 || rng.below(4, 3 * i + 1) == 0) continue;
    const std::uint64_t octave = rng.below(22, 3 * i + 2);
    tensor = bytes(static_cast<std::int64_t>((std::uint64_t{1} << octave) + rng.below(std::uint64_t{1} << octave, i)));
    mark = static_cast<std::uint8_t>(1 + i % 255);
    fill(tensor, mark);
  }
  for (auto& entry : held) entry.first = Tensor();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(checked > 50000);
  BOOST_TEST(memory::stats().live_bytes == before.live_bytes);
  memory::release_kept();
  BOOST_TEST(memory::stats().system_bytes <= before.system_bytes);
}

BOOST_AUTO_TEST_CASE(what_is_live_counts_little_more_than_was_asked_for) {
  if (!memory::pooled()) return;
  memory::release_kept();
  { const Tensor tensor = bytes(64 << 20); }
  const std::uint64_t before = memory::stats().live_bytes;
  std::vector<Tensor> held;
  std::uint64_t sum = 0;
  for (std::int64_t size = 40000; size < (8 << 20); size += size / 5) {
    held.push_back(bytes(size));
    sum += static_cast<std::uint64_t>(size);
  }
  const std::uint64_t live = memory::stats().live_bytes - before;
  BOOST_TEST(live >= sum);
  BOOST_TEST(live <= sum + sum / 8);
}

BOOST_AUTO_TEST_CASE(a_smaller_last_batch_asks_for_nothing) {
  if (!memory::pooled()) return;
  const auto step = [](std::int64_t batch) {
    const Tensor images({batch, 28, 28, 1});
    const Tensor hidden({batch, 24, 24, 6});
    const Tensor pooled({batch, 12, 12, 6});
    const Tensor logits({batch, 10});
  };
  step(128);
  BOOST_TEST(asked([&] {
               step(128);
               step(37);
               step(128);
             }) == 0u);
}

BOOST_AUTO_TEST_CASE(every_size_fits_its_block) {
  memory::release_kept();
  const std::int64_t page = sysconf(_SC_PAGESIZE);  // what is mapped is whole pages
  std::int64_t wrong = 0;
  for (std::int64_t size = 1; size < (1 << 22); size += 1 + size / 7) {
    const std::uint64_t before = memory::stats().live_bytes;
    const Tensor tensor = bytes(size);
    const auto got = static_cast<std::int64_t>(memory::stats().live_bytes - before);
    const std::int64_t unused = size < (100 << 10) ? size / 8 : std::max(size / 8, page);
    if (got < size || got > size + unused + 64) ++wrong;
    memory::release_kept();
  }
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(poison_fills_new_blocks_with_nan) {
  const bool before = memory::set_poison(true);
  const Tensor tensor({1000});
  const Tensor wide({77}, DType::f64);
  memory::set_poison(before);
  std::int64_t numbers = 0;
  for (const double v : test::values(tensor)) numbers += std::isnan(v) ? 0 : 1;
  for (const double v : test::values(wide)) numbers += std::isnan(v) ? 0 : 1;
  BOOST_TEST(numbers == 0);
  BOOST_TEST(test::values(Tensor::zeros({3})) == std::vector<double>(3, 0.0));
}

BOOST_AUTO_TEST_CASE(threads_may_drop_each_others_tensors) {
  const std::uint64_t before = memory::stats().live_bytes;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([shared = Tensor::full({100}, 1), thread] {
      std::vector<Tensor> held;
      for (std::int64_t i = 0; i < 500; ++i) {
        held.push_back(i % 3 == 0 ? shared : bytes(1 + 97 * i * (thread + 1)));
        if (i % 5 == 0) held.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  BOOST_TEST(memory::stats().live_bytes == before);
}

// Memory that is kept for reuse is there already.
BOOST_AUTO_TEST_CASE(a_guard_refuses_what_the_machine_has_no_room_for) {
  const std::int64_t mib = std::int64_t{1} << 20;
  memory::release_kept();
  detail::pretend_available(10 * mib);
  {
    const memory::Guard guard;
    { const memory::Guard inner; }
    BOOST_TEST(test::fails_with({"[memory] got no memory for a tensor of 40.0 MiB, with 10.0 MiB available"},
                                [&] { Tensor({10 * mib}); }));
    BOOST_TEST(Tensor({2 * mib}).size() == 2 * mib);
  }
  BOOST_TEST(Tensor({10 * mib}).size() == 10 * mib);
  detail::pretend_available({});
  const memory::Guard guard;
  BOOST_TEST(Tensor({10 * mib}).size() == 10 * mib);
  BOOST_TEST(test::fails_with({"no memory for", " available"}, [&] { Tensor({std::int64_t{1} << 44}); }));
}

// Files as a kernel shows them, in a folder.
struct Groups {
  std::filesystem::path put(const std::string& name, const std::string& contents) const {
    std::filesystem::create_directories((folder / name).parent_path());
    test::put_file(folder / name, contents);
    return folder / name;
  }
  std::int64_t left() const { return detail::left_by_groups((folder / "cgroup").string(), (folder / "sys").string()); }
  test::TemporaryDirectory folder;
};

constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

BOOST_AUTO_TEST_CASE(control_groups_of_version_2_limit_memory) {
  const Groups groups;
  BOOST_TEST(groups.left() == no_limit);  // no file that names them
  groups.put("cgroup", "0::/a/b\n");
  BOOST_TEST(groups.left() == no_limit);
  groups.put("sys/a/b/memory.current", "300000000\n");
  groups.put("sys/a/b/memory.max", "max\n");
  BOOST_TEST(groups.left() == no_limit);
  groups.put("sys/a/b/memory.max", "400000000\n");
  BOOST_TEST(groups.left() == 100'000'000);
  // Files that have not been read lately give way.
  groups.put("sys/a/b/memory.stat", "anon 200000000\nfile 100000000\ninactive_anon 7\ninactive_file 50000000\n");
  BOOST_TEST(groups.left() == 150'000'000);
  // The group above counts the others in it as well, and so does the one at the root of a container.
  groups.put("sys/a/memory.current", "900000000\n");
  groups.put("sys/a/memory.max", "1000000000\n");
  BOOST_TEST(groups.left() == 100'000'000);
  groups.put("sys/memory.current", "990000000\n");
  groups.put("sys/memory.max", "1000000000\n");
  BOOST_TEST(groups.left() == 10'000'000);
  // More than all is used for a moment while the kernel takes some back.
  groups.put("sys/a/b/memory.current", "500000000\n");
  BOOST_TEST(groups.left() == 0);
}

BOOST_AUTO_TEST_CASE(control_groups_of_version_1_limit_memory) {
  const Groups groups;
  groups.put("cgroup", "12:cpu,cpuacct:/other\n9:memory:/docker/abc\n1:name=systemd:/x\n");
  BOOST_TEST(groups.left() == no_limit);
  // In a container the groups of the process lie at the root.
  groups.put("sys/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  groups.put("sys/memory/memory.usage_in_bytes", "100000000\n");
  BOOST_TEST(groups.left() > std::int64_t{1} << 60);
  groups.put("sys/memory/memory.limit_in_bytes", "400000000\n");
  BOOST_TEST(groups.left() == 300'000'000);
  groups.put("sys/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 40000000\n");
  BOOST_TEST(groups.left() == 340'000'000);
  groups.put("sys/memory/docker/abc/memory.limit_in_bytes", "120000000\n");
  groups.put("sys/memory/docker/abc/memory.usage_in_bytes", "90000000\n");
  BOOST_TEST(groups.left() == 30'000'000);
  // The controllers of the other version stand beside it in a mixed system.
  groups.put("cgroup", "9:memory:/docker/abc\n0::/a\n");
  groups.put("sys/a/memory.max", "20000000\n");
  groups.put("sys/a/memory.current", "1000000\n");
  BOOST_TEST(groups.left() == 19'000'000);
}

BOOST_AUTO_TEST_CASE(odd_files_of_control_groups_limit_no_memory) {
  const Groups groups;
  for (const char* const odd : {"", "0::\n", "nonsense\n", "3:cpu:/a\n", ":\n", "0:\n"}) {
    groups.put("cgroup", odd);
    BOOST_TEST(groups.left() == no_limit, odd);
  }
  groups.put("cgroup", "0::/a\n");
  groups.put("sys/a/memory.max", "400\n");
  BOOST_TEST(groups.left() == no_limit);  // nothing says how much is used
  for (const char* const odd : {"", "max", "much", "99999999999999999999999"}) {
    groups.put("sys/a/memory.current", odd);
    BOOST_TEST(groups.left() == no_limit, odd);
  }
}

// Files are read by several threads at once: the bound of one must not outlive it in another.
BOOST_AUTO_TEST_CASE(a_bound_holds_in_its_thread_and_ends_with_it) {
  const auto fits = [](std::int64_t bytes) {
    try {
      const Tensor t({bytes}, DType::u8);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  bool free = false, bound = true;
  std::latch begun(1), ended(1);
  std::jthread other;
  {
    const memory::Bound first(4096, "at most 4096 bytes, as the file says");
    BOOST_TEST(fits(4096));
    BOOST_TEST(!fits(4097));
    {
      const memory::Bound larger(1 << 20, "at most a MiB"), smaller(512, "at most 512 bytes");
      BOOST_TEST(!fits(513));
    }
    BOOST_TEST(!fits(4097));
    other = std::jthread([&] {
      free = fits(1 << 20);
      const memory::Bound own(8192, "at most 8192 bytes");
      begun.count_down();
      ended.wait();
      bound = !fits(8193);
    });
    begun.wait();
  }
  BOOST_TEST(fits(1 << 20));  // while the other thread is bound
  ended.count_down();
  other.join();
  BOOST_TEST(free);
  BOOST_TEST(bound);
  BOOST_TEST(fits(1 << 20));
}

BOOST_AUTO_TEST_CASE(no_memory_is_told_from_other_errors) {
  BOOST_TEST(out_of_memory(std::bad_alloc()));
  detail::pretend_available(0);
  try {
    require_available("here", "something", 2 << 20);
    BOOST_TEST(false);
  } catch (const Error& error) {
    BOOST_TEST(out_of_memory(error));
  }
  require_available("here", "little", 1000);
  detail::pretend_available({});
  require_available("here", "something", 2 << 20);
  BOOST_TEST(!out_of_memory(std::runtime_error("memory")));
  BOOST_TEST(bytes_text(1000) == "1000 B");
  BOOST_TEST(bytes_text(1536) == "1.5 KiB");
  BOOST_TEST(bytes_text(std::int64_t{5} << 50) == "5120.0 TiB");
  BOOST_TEST(available_memory() > 1 << 20);
}

BOOST_AUTO_TEST_CASE(what_nobody_has_is_an_error) {
  const auto ask = [](std::int64_t size) { return test::error_of([size] { bytes(size); }); };
  BOOST_TEST(
      ask(std::int64_t{1} << 55) ==
      "[memory] got no memory for 36028797018963968 bytes; wanted a smaller tensor; use less of it, or a machine or "
      "limits with more memory");
  BOOST_TEST(ask(std::int64_t{1} << 58).starts_with("[memory] got a request of 288230376151711744 bytes; wanted "));
  BOOST_TEST(test::values(Tensor::full({3}, 2)) == std::vector<double>(3, 2.0));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
