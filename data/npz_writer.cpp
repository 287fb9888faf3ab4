#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>

#include "data/npy.h"
#include "data/npz.h"
#include "framework/io/atomic_file.h"
#include "framework/io/safetensors_header.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

using safetensors::max_name;
using safetensors::max_tensors;

struct CloseWriting {
  void operator()(archive* writer) const { archive_write_free(writer); }
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

// What libarchive writes goes to a file. Exceptions must not pass through C: they wait in `error`.
struct Sink {
  AtomicFile& file;
  std::exception_ptr error;

  static la_ssize_t write(archive* writer, void* self, const void* bytes, std::size_t size) {
    Sink& sink = *static_cast<Sink*>(self);
    try {
      sink.file.write({static_cast<const std::byte*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      sink.error = std::current_exception();
      archive_set_error(writer, EIO, "its file failed");
      return ARCHIVE_FATAL;
    }
  }
};

void require_name(const std::string& name, const std::string& where) {
  const auto fine = [](char c) { return c > ' ' && c <= '~'; };
  if (name.empty() || name.size() > max_name || !std::ranges::all_of(name, fine))
    fail(where, text("a tensor called ", in_quotes(name)),
         text("a name of 1 to ", max_name, " letters of ASCII without blanks"), "rename the layer");
}

}  // namespace

void save_npz(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors, Existing existing) {
  const std::string where = path.string();
  if (tensors.size() > max_tensors) fail(where, text(tensors.size(), " tensors"), text("at most ", max_tensors));
  for (const auto& [name, value] : tensors) {
    require_name(name, where);
    require_defined(where.c_str(), name.c_str(), value);
  }
  AtomicFile file(path, existing);
  Sink sink{file, {}};
  const std::unique_ptr<archive, CloseWriting> archive(archive_write_new());
  ::archive* const writer = archive.get();
  const auto check = [&](la_ssize_t result) {
    if (result >= 0) return;
    if (sink.error) std::rethrow_exception(sink.error);
    const char* const why = writer == nullptr ? nullptr : archive_error_string(writer);
    fail(where, why != nullptr ? why : "a refusal of libarchive", "room to write a ZIP file");
  };
  check(writer == nullptr ? ARCHIVE_FATAL : archive_write_set_format_zip(writer));
  check(archive_write_set_format_option(writer, "zip", "compression", "store"));
  check(archive_write_set_bytes_in_last_block(writer, 1));
  check(archive_write_open(writer, &sink, nullptr, Sink::write, nullptr));
  for (const auto& [name, value] : tensors) {
    const std::unique_ptr<archive_entry, CloseWriting> entry(archive_entry_new());
    if (!entry) fail(where, "a refusal of libarchive", "memory");
    const std::string header = npy_header(value);
    archive_entry_set_pathname(entry.get(), (name + ".npy").c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(header.size() + value.bytes().size()));
    check(archive_write_header(writer, entry.get()));
    check(archive_write_data(writer, header.data(), header.size()));
    check(archive_write_data(writer, value.bytes().data(), value.bytes().size()));
  }
  check(archive_write_close(writer));
  file.commit();
}

}  // namespace ebb
