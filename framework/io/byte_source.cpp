#include "framework/io/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

std::string cause(int error) { return std::generic_category().message(error); }

}  // namespace

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

FileSource::FileSource(const std::filesystem::path& path) : ByteSource(path.string()) {
  // O_NONBLOCK: opening a named pipe must not wait for its writer. It means nothing for regular files.
  do descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0)
    fail(name(), text("\"", cause(errno), "\" on opening it"), "a readable file", "check the path and its permissions");
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string got = known ? "something that is not a regular file" : cause(errno);
    ::close(descriptor_);
    fail(name(), got, "a regular file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

FileSource::~FileSource() { ::close(descriptor_); }

std::size_t FileSource::read(std::span<std::byte> out) {
  while (true) {
    const ssize_t count = ::read(descriptor_, out.data(), out.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) fail(name(), text("\"", cause(errno), "\" on reading it"), "a readable file");
  }
}

std::size_t MemorySource::read(std::span<std::byte> out) {
  const std::size_t count = std::min(out.size(), rest_.size());
  if (count > 0) std::memcpy(out.data(), rest_.data(), count);
  rest_ = rest_.subspan(count);
  return count;
}

}  // namespace ebb
