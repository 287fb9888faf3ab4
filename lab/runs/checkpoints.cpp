#include "lab/runs/checkpoints.h"

#include <algorithm>
#include <charconv>

#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "lab/runs/run_files.h"

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

std::string name_of(std::int64_t step) {
  std::string digits = text(step);
  digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
  return text(name_begin, digits, name_end);
}

// The step of a checkpoint's file; nothing for other names.
std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(name_begin) || !name.ends_with(name_end)) return std::nullopt;
  const char* const begin = name.data() + name_begin.size();
  const char* const stop = name.data() + name.size() - name_end.size();
  std::int64_t step = 0;
  const auto [at, bad] = std::from_chars(begin, stop, step);
  if (bad != std::errc() || at != stop || name != name_of(step)) return std::nullopt;
  return step;
}

std::vector<std::int64_t> steps_in(const Directory& directory) {
  std::vector<std::int64_t> found;
  for (const std::string& name : directory.entries())
    if (const auto step = step_of(name)) found.push_back(*step);
  std::ranges::sort(found);
  return found;
}

void remove_others(const Directory& directory, int keep, std::int64_t step, std::int64_t best_step) {
  std::vector<std::int64_t> older;
  for (const std::int64_t s : steps_in(directory)) {
    if (s > step) directory.remove(name_of(s));  // of a course that the training has left
    else older.push_back(s);
  }
  // A file that stays harms nobody.
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < older.size(); ++i)
    if (older[i] != best_step) directory.remove(name_of(older[i]));
}

}  // namespace

Checkpoints::Checkpoints(const Directory& run, int keep) : run_(run), keep_(keep) {
  if (keep < 1) fail("checkpoints", text("keep = ", keep), "1 or more");
}

fs::path Checkpoints::file(std::int64_t step) const { return run_.path() / run_files::checkpoints / name_of(step); }

std::optional<Directory> Checkpoints::there() const {
  if (run_.entry(run_files::checkpoints) == Directory::Entry::nothing) return std::nullopt;
  return Directory(run_, run_files::checkpoints);
}

void Checkpoints::save(std::int64_t step, std::int64_t best_step, const TrainState& state) const {
  run_.make(run_files::checkpoints);
  const Directory directory(run_, run_files::checkpoints);
  save_safetensors(directory, name_of(step), state.tensors, state.metadata);
  require_same(file(step), state, load_safetensors(directory, name_of(step)));
  remove_others(directory, keep_, step, best_step);
}

std::vector<std::int64_t> Checkpoints::steps() const {
  const std::optional<Directory> directory = there();
  return directory ? steps_in(*directory) : std::vector<std::int64_t>();
}

void Checkpoints::clear() const {
  clean();
  if (const std::optional<Directory> directory = there())
    for (const std::int64_t step : steps_in(*directory)) directory->remove(name_of(step));
}

void Checkpoints::clean() const {
  if (const std::optional<Directory> directory = there())
    remove_stale_temporaries(*directory, [](const std::string& name) { return step_of(name).has_value(); });
}

TrainState Checkpoints::load(std::int64_t step) const {
  TensorFile read = load_safetensors(Directory(run_, run_files::checkpoints), name_of(step));
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
  fail((run_.path() / run_files::checkpoints).string(),
       text(all.size(), " checkpoints, none of which can be read:", list), "one that can be read",
       "restore one from a copy, or train anew");
}

}  // namespace ebb
