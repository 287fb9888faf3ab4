#include "framework/parallel/communicator.h"

#include <algorithm>
#include <cstring>

#include "framework/tensor/error.h"

namespace ebb::parallel {
namespace {

void copy(std::span<const std::byte> from, std::span<std::byte> to) {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

class Alone : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void broadcast(std::span<std::byte> /*bytes*/, int /*from*/) override {}
  void gather(std::span<const std::byte> own, std::span<const std::int64_t> /*bytes*/,
              std::span<std::byte> all) override {
    copy(own, all);
  }
  void exchange(std::span<const std::byte> own, std::span<const std::int64_t> /*sizes*/, std::span<std::byte> got,
                std::span<const std::int64_t> /*got_sizes*/) override {
    copy(own, got);
  }
};

}  // namespace

std::vector<std::string> Communicator::gather_texts(std::string_view own) {
  const auto ranks = static_cast<std::size_t>(size());
  const auto length = static_cast<std::int64_t>(own.size());
  const std::vector<std::int64_t> eight(ranks, sizeof(length));
  std::vector<std::int64_t> lengths(ranks);
  gather(std::as_bytes(std::span(&length, 1)), eight, std::as_writable_bytes(std::span(lengths)));
  std::size_t total = 0;
  for (const std::int64_t one : lengths) total += static_cast<std::size_t>(one);
  std::string all(total, '\0');
  gather(std::as_bytes(std::span(own)), lengths, std::as_writable_bytes(std::span(all)));
  std::vector<std::string> out;
  std::size_t at = 0;
  for (const std::int64_t one : lengths) {
    out.push_back(all.substr(at, static_cast<std::size_t>(one)));
    at += static_cast<std::size_t>(one);
  }
  return out;
}

void Communicator::agree(std::string_view what, std::string_view value, std::string_view remedy) {
  const std::vector<std::string> all = gather_texts(value);
  const auto other = std::ranges::find_if(all, [&](const std::string& one) { return one != all.front(); });
  if (other == all.end()) return;
  fail(what, text(all.front(), " on rank 0, ", *other, " on rank ", other - all.begin()), "the same on all ranks",
       remedy);
}

Communicator& alone() {
  static Alone one;
  return one;
}

}  // namespace ebb::parallel
