#include "framework/compute/instruction_set.h"

#include <atomic>
#include <cstdlib>

#include "framework/tensor/error.h"

namespace ebb {

namespace kernels {
#ifdef EBB_X86_KERNELS
namespace avx512 {
void make_table(Table& table);
}
namespace avx2 {
void make_table(Table& table);
}
namespace sse2 {
void make_table(Table& table);
}
#elif defined(EBB_ARM_KERNELS)
namespace neon {
void make_table(Table& table);
}
#else
namespace generic {
void make_table(Table& table);
}
#endif
}  // namespace kernels

namespace {

// The tables that run here, best first. GCC's own detection also asks whether the system saves the wide registers.
const std::vector<kernels::Table>& tables() {
  static const std::vector<kernels::Table> all = [] {
    std::vector<kernels::Table> found;
    const auto add = [&](void (*make)(kernels::Table&)) { make(found.emplace_back()); };
#ifdef EBB_X86_KERNELS
#ifndef EBB_BASELINE_KERNELS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma"))
      add(kernels::avx512::make_table);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) add(kernels::avx2::make_table);
#endif
    add(kernels::sse2::make_table);
#elif defined(EBB_ARM_KERNELS)
    add(kernels::neon::make_table);  // part of every 64-bit ARM
#else
    add(kernels::generic::make_table);
#endif
    return found;
  }();
  return all;
}

const kernels::Table* find(std::string_view where, std::string_view name) {
  std::string known;
  for (const kernels::Table& table : tables()) {
    if (table.name == name) return &table;
    known += text(known.empty() ? "" : ", ", table.name);
  }
  fail(where, text("\"", name, "\""), text("one that this processor runs: ", known));
}

const kernels::Table* choose() {
  const char* const forced = std::getenv("EBB_ARCH");
  if (forced != nullptr && *forced != '\0') return find("EBB_ARCH", forced);
  return &tables().front();
}

std::atomic<const kernels::Table*> active{nullptr};

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const kernels::Table& table : tables()) names.emplace_back(table.name);
  return names;
}

std::string instruction_set() { return kernel_table().name; }

void set_instruction_set(std::string_view name) { active.store(find("instruction set", name)); }

const kernels::Table& kernel_table() {
  const kernels::Table* table = active.load(std::memory_order_acquire);
  if (table == nullptr) {
    table = choose();
    active.store(table, std::memory_order_release);
  }
  return *table;
}

}  // namespace ebb
