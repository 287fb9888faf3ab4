#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string_view>

#include "data/npy.h"
#include "data/npz.h"
#include "framework/io/byte_source.h"
#include "framework/io/safetensors_header.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

using safetensors::max_name;
using safetensors::max_tensors;

constexpr std::string_view suffix = ".npy";
// Deflate makes at most 1,032 bytes of one.
constexpr std::uint64_t most_growth = 1032;

struct CloseArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Archive = std::unique_ptr<archive, CloseArchive>;

// Warnings are errors as well: lengths that are not as announced are only warned of.
void check(la_ssize_t result, archive* reader, const std::string& where) {
  if (result >= 0) return;
  const char* const why = archive_error_string(reader);
  fail(where, text("a damaged ZIP file (", printable(why != nullptr ? why : "libarchive error"), ")"),
       "a complete file of numpy.savez()");
}

// The contents of the member that was begun.
class Member : public ByteSource {
 public:
  Member(archive* reader, std::string name) : ByteSource(std::move(name)), reader_(reader) {}
  std::size_t read(std::span<std::byte> out) override {
    if (out.empty()) return 0;
    const la_ssize_t count = archive_read_data(reader_, out.data(), out.size());
    check(count, reader_, name());
    return static_cast<std::size_t>(count);
  }

 private:
  archive* reader_;
};

std::string name_of(archive_entry* entry, const std::string& where) {
  const char* path = archive_entry_pathname_utf8(entry);
  if (path == nullptr) path = archive_entry_pathname(entry);
  const std::string_view name = path == nullptr ? "" : path;
  if (archive_entry_filetype(entry) != AE_IFREG || !name.ends_with(suffix) || name.size() == suffix.size())
    fail(where, text("a member ", in_quotes(name)), "arrays alone, NAME.npy", "this is no file of numpy.savez()");
  if (name.size() > max_name + suffix.size())
    fail(where, text("a member ", in_quotes(name), " with a name of ", name.size(), " bytes"),
         text("at most ", max_name + suffix.size()));
  return std::string(name.substr(0, name.size() - suffix.size()));
}

// Only what NumPy writes: other ways of packing are code that nobody needs here.
void require_plain(archive* reader, archive_entry* entry, const std::string& where) {
  const char* const format = archive_format_name(reader);
  const std::string_view method = format == nullptr ? "" : format;
  if (archive_entry_is_encrypted(entry) != 0 ||
      !(method.ends_with("(uncompressed)") || method.ends_with("(deflation)")))
    fail(where, text("a member packed as ", in_quotes(method), " or encrypted"), "stored or deflated",
         "write it with numpy.savez()");
}

}  // namespace

std::map<std::string, Tensor> parse_npz(std::span<const std::byte> bytes, const std::string& where) {
  const Archive archive(archive_read_new());
  ::archive* const reader = archive.get();
  if (reader == nullptr) fail(where, "a refusal of libarchive to start", "memory for it");
  check(archive_read_support_format_zip_seekable(reader), reader, where);
  check(archive_read_open_memory(reader, bytes.data(), bytes.size()), reader, where);
  std::map<std::string, Tensor> out;
  std::uint64_t left = bytes.size() * most_growth;
  archive_entry* entry = nullptr;
  while (true) {
    const int result = archive_read_next_header(reader, &entry);
    if (result == ARCHIVE_EOF) return out;
    check(result, reader, where);
    const std::string name = name_of(entry, where);
    require_plain(reader, entry, text(where, ":", printable(name)));
    if (out.size() == max_tensors) fail(where, text("more than ", max_tensors, " members"), "a network");
    Member member(reader, text(where, ":", printable(name)));
    Tensor value = read_npy(member, left);
    left -= value.bytes().size() <= left ? value.bytes().size() : left;
    if (!out.emplace(name, std::move(value)).second)
      fail(where, text("the member ", in_quotes(name), " twice"), "each name once");
  }
}

std::map<std::string, Tensor> load_npz(const std::filesystem::path& file) {
  FileSource source(file);
  constexpr std::uint64_t most = std::uint64_t{1} << 40;  // so that sizes multiply without care
  if (source.size() > most) fail(source.name(), text(source.size(), " bytes"), text("at most ", most));
  const memory::Guard guard;
  Tensor bytes({static_cast<std::int64_t>(source.size())}, DType::u8);
  source.read_exactly(bytes.mutable_bytes(), "its contents");
  source.expect_end();
  return parse_npz(bytes.bytes(), source.name());
}

}  // namespace ebb
