#include "lab/runs/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view name_begin = "step-";
constexpr std::string_view name_end = ".safetensors";

// What was read must be what was written: the name, type, shape and bytes of every tensor, and the metadata.
void require_same(const fs::path& file, const TrainState& written, const TensorFile& read) {
  const auto differs = [&](const std::string& what) {
    fail(file.string(), text(what, " that reads back differently"), "what was written", "the disk may be failing");
  };
  if (written.metadata != read.metadata) differs("metadata");
  if (written.tensors.size() != read.tensors.size()) differs("a number of tensors");
  for (const auto& [name, tensor] : written.tensors) {
    const auto at = read.tensors.find(name);
    if (at == read.tensors.end() || !(at->second.shape() == tensor.shape()) || at->second.dtype() != tensor.dtype() ||
        !std::ranges::equal(at->second.bytes(), tensor.bytes()))
      differs(name);
  }
}

}  // namespace

Checkpoints::Checkpoints(fs::path directory, int keep) : directory_(std::move(directory)), keep_(keep) {
  if (keep < 1) fail("checkpoints", text("keep = ", keep), "1 or more");
}

fs::path Checkpoints::file(std::int64_t step) const {
  std::string digits = text(step);
  digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
  return directory_ / text(name_begin, digits, name_end);
}

void Checkpoints::save(std::int64_t step, std::int64_t best_step, const TrainState& state) const {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error)
    fail(directory_.string(), text("a directory that cannot be made: ", error.message()), "a writable run directory");
  save_safetensors(file(step), state.tensors, state.metadata);
  require_same(file(step), state, load_safetensors(file(step)));
  remove_others(step, best_step);
}

void Checkpoints::remove_others(std::int64_t step, std::int64_t best_step) const {
  std::error_code ignored;  // a file that stays harms nobody
  std::vector<std::int64_t> older;
  for (const std::int64_t s : steps()) {
    if (s > step) fs::remove(file(s), ignored);  // of a course that the training has left
    else older.push_back(s);
  }
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < older.size(); ++i)
    if (older[i] != best_step) fs::remove(file(older[i]), ignored);
}

std::vector<std::int64_t> Checkpoints::steps() const {
  std::vector<std::int64_t> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(name_begin) || !name.ends_with(name_end)) continue;
    const char* const begin = name.data() + name_begin.size();
    const char* const stop = name.data() + name.size() - name_end.size();
    std::int64_t step = 0;
    const auto [at, bad] = std::from_chars(begin, stop, step);
    if (bad == std::errc() && at == stop) found.push_back(step);
  }
  std::ranges::sort(found);
  return found;
}

TrainState Checkpoints::load(std::int64_t step) const {
  TensorFile read = load_safetensors(file(step));
  if (!read.checked) fail(file(step).string(), "a file without checksums", "a checkpoint of Ebb");
  return {std::move(read.tensors), std::move(read.metadata)};
}

std::optional<Checkpoints::Found> Checkpoints::newest() const {
  const std::vector<std::int64_t> all = steps();
  std::vector<std::string> problems;
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    try {
      return Found{*step, load(*step), problems};
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  if (all.empty()) return std::nullopt;
  std::string list;
  for (const std::string& problem : problems) list += text("\n  ", problem);
  fail(directory_.string(), text(all.size(), " checkpoints, none of which can be read:", list), "one that can be read",
       "restore one from a copy, or train anew");
}

}  // namespace ebb
