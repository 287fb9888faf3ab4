#include "framework/io/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framework/io/fail_refused.h"
#include "framework/tensor/error.h"

namespace ebb {

void ByteSource::read_exactly(std::span<std::byte> out, std::string_view what) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t count = read(out.subspan(done));
    if (count == 0)
      fail(name(), text("an end after ", done, " bytes of ", what), text(out.size(), " bytes"),
           "the file is cut off: copy or download it again");
    done += count;
  }
}

void ByteSource::expect_end() {
  std::byte extra{};
  if (read({&extra, 1}) != 0) fail(name(), "more bytes behind the end of its contents", "nothing behind them");
}

// O_NONBLOCK: opening a named pipe must not wait for its writer. It means nothing for regular files.
FileSource::FileSource(const std::filesystem::path& path)
    : ByteSource(path.string()),
      file_(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); })) {
  if (!file_) fail_refused(name(), errno, "opening it", "a readable file", "check the path and its permissions");
  examine();
}

FileSource::FileSource(const Directory& directory, const std::string& name)
    : ByteSource((directory.path() / name).string()), file_(directory.open(name, O_RDONLY)) {
  examine();
}

void FileSource::examine() {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) fail_refused(name(), errno, "examining it", "a file");
  if (!S_ISREG(status.st_mode))
    fail(name(), text(kind_of_file(status.st_mode), ", not a regular file"), "a regular file",
         "give the path of a file; what a pipe or a device says can be written into one");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

std::size_t FileSource::read(std::span<std::byte> out) {
  const ssize_t count = retried([&] { return ::read(file_.get(), out.data(), out.size()); });
  if (count < 0) fail_refused(name(), errno, "reading it", "a readable file");
  return static_cast<std::size_t>(count);
}

std::size_t MemorySource::read(std::span<std::byte> out) {
  const std::size_t count = std::min(out.size(), rest_.size());
  if (count > 0) std::memcpy(out.data(), rest_.data(), count);
  rest_ = rest_.subspan(count);
  return count;
}

}  // namespace ebb
