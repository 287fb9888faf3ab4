/// \file
/// Small files as text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "framework/io/byte_source.h"

namespace ebb {

/// The contents of a file. No memory is asked for but what the size of the file accounts for.
/// \param most bytes that it may have; a larger one is refused before it is read.
/// \throws Error naming the file: it cannot be read, it is larger, or it is no regular file (a directory, a named pipe,
/// a device), also behind a link.
std::string read_text(const std::filesystem::path& path, std::uint64_t most);

/// As above, for the rest of a file that is open.
std::string read_text(FileSource& file, std::uint64_t most);

/// Calls `each` for every line of the rest of a file, without its end, the last one also where the file is cut off in
/// it. Lines of more than `longest` bytes are left out; no more than one line is in memory.
/// \param most bytes that the file may have.
/// \throws Error as read_text() does.
void read_lines(ByteSource& file, std::uint64_t most, std::size_t longest,
                const std::function<void(const std::string& line)>& each);

}  // namespace ebb
