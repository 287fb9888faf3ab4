#include "framework/io/read_text.h"

#include <algorithm>
#include <array>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

[[noreturn]] void fail_size(const ByteSource& file, std::uint64_t size, std::uint64_t most) {
  fail(file.name(), text(size, " bytes"), text("at most ", most), "this is no file of its kind, or it is damaged");
}

// Calls `take` for pieces of the file, which may grow while it is read.
template <class Take>
void in_pieces(ByteSource& file, std::uint64_t most, const Take& take) {
  const auto* const sized = dynamic_cast<const FileSource*>(&file);
  if (sized != nullptr && sized->size() > most) fail_size(file, sized->size(), most);
  std::array<std::byte, 65536> piece{};
  std::uint64_t size = 0;
  while (const std::size_t count = file.read(piece)) {
    if ((size += count) > most) fail_size(file, size, most);
    take(std::string_view(reinterpret_cast<const char*>(piece.data()), count));
  }
}

}  // namespace

std::string read_text(const std::filesystem::path& path, std::uint64_t most) {
  FileSource file(path);
  return read_text(file, most);
}

std::string read_text(FileSource& file, std::uint64_t most) {
  std::string out;
  out.reserve(static_cast<std::size_t>(std::min(file.size(), most)));
  in_pieces(file, most, [&](std::string_view piece) { out += piece; });
  return out;
}

void read_lines(ByteSource& file, std::uint64_t most, std::size_t longest,
                const std::function<void(const std::string& line)>& each) {
  std::string line;
  bool too_long = false;
  const auto end_line = [&] {
    if (!too_long) each(line);
    line.clear();
    too_long = false;
  };
  in_pieces(file, most, [&](std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t end = std::min(piece.find('\n'), piece.size());
      too_long = too_long || line.size() + end > longest;
      if (too_long) line.clear();
      else line += piece.substr(0, end);
      if (end == piece.size()) return;
      end_line();
      piece.remove_prefix(end + 1);
    }
  });
  if (!line.empty() && !too_long) each(line);
}

}  // namespace ebb
