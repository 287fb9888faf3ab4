#include "data/tar.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <cerrno>
#include <exception>
#include <optional>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr int most_entries = 10'000;
constexpr std::int64_t most_bytes = std::int64_t{1} << 30;
constexpr std::size_t most_padding = std::size_t{1} << 20;

}  // namespace

struct TarReader::State {
  explicit State(ByteSource& archive) : source(archive), reader(archive_read_new()) {}
  ~State() { archive_read_free(reader); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Exceptions must not pass through C: they wait in `error`.
  static la_ssize_t read(archive* reader, void* self, const void** block) {
    State& state = *static_cast<State*>(self);
    *block = state.buffer.data();
    try {
      return static_cast<la_ssize_t>(state.source.read(state.buffer));
    } catch (...) {
      state.error = std::current_exception();
      archive_set_error(reader, EIO, "its source failed");
      return ARCHIVE_FATAL;
    }
  }

  // Throws for the results of libarchive that are errors.
  void check(la_ssize_t result) {
    if (result >= 0 || result == ARCHIVE_WARN) return;
    if (error) std::rethrow_exception(error);
    const char* const why = archive_error_string(reader);
    fail(source.name(), text("a damaged tar archive (", why != nullptr ? why : "libarchive error", ")"),
         "a complete archive", "download it again");
  }

  class File : public ByteSource {
   public:
    File(State& state, std::string name) : ByteSource(std::move(name)), state_(state) {}
    std::size_t read(std::span<std::byte> out) override {
      const la_ssize_t count = archive_read_data(state_.reader, out.data(), out.size());
      state_.check(count);
      // An old GNU header may announce more than its entry has.
      if (count <= 0 && read_ < state_.size && !out.empty())
        fail(name(), text("an end after ", read_, " bytes"), text("the ", state_.size, " bytes announced"),
             "download it again");
      read_ += count > 0 ? static_cast<std::uint64_t>(count) : 0;
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }

   private:
    State& state_;
    std::uint64_t read_ = 0;
  };

  ByteSource& source;
  archive* reader;
  std::exception_ptr error;
  std::array<std::byte, std::size_t{1} << 16> buffer{};
  std::string path;
  std::uint64_t size = 0;
  int entries = 0;
  std::optional<File> file;
};

TarReader::TarReader(ByteSource& archive) : state_(std::make_unique<State>(archive)) {
  if (state_->reader == nullptr) fail(archive.name(), "a refusal of libarchive to start", "memory for it");
  state_->check(archive_read_support_format_tar(state_->reader));
  state_->check(archive_read_open(state_->reader, state_.get(), nullptr, State::read, nullptr));
}

TarReader::~TarReader() = default;

bool TarReader::next() {
  State& s = *state_;
  s.file.reset();
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(s.reader, &entry);
    if (result == ARCHIVE_EOF) break;
    s.check(result);
    if (++s.entries > most_entries) fail(s.source.name(), text("more than ", most_entries, " entries"), "a data set");
    const std::int64_t size = archive_entry_size(entry);
    const char* const path = archive_entry_pathname(entry);
    if (size < 0 || size > most_bytes)
      fail(s.source.name(), text("an entry of ", size, " bytes"), text("at most ", most_bytes));
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr || path == nullptr)
      continue;
    s.path = path;
    s.size = static_cast<std::uint64_t>(size);
    s.file.emplace(s, text(s.source.name(), ":", s.path));
    return true;
  }
  for (std::size_t behind = 0;;) {
    const std::size_t count = s.source.read(s.buffer);
    if (count == 0) return false;
    behind += count;
    if (behind > most_padding) fail(s.source.name(), "more bytes behind the end of the archive", "nothing behind it");
  }
}

const std::string& TarReader::path() const { return state_->path; }

std::uint64_t TarReader::size() const { return state_->size; }

ByteSource& TarReader::contents() {
  if (!state_->file) fail(state_->source.name(), "contents asked for before next()", "a file");
  return *state_->file;
}

}  // namespace ebb
