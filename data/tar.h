/// \file
/// Reading tar archives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/io/byte_source.h"

namespace ebb {

/// The regular files of a tar archive (ustar, pax, GNU), one after another, in memory of constant size; other entries
/// are passed over. The bytes may come through a GzipSource: next() reads the source to its end before it says that
/// there is nothing more, so that all of its checks were made.
class TarReader {
 public:
  /// \param archive must outlive the reader.
  explicit TarReader(ByteSource& archive);
  ~TarReader();

  /// Goes to the next file, passing over what is left of the one before. False at the end.
  /// \throws Error naming the source when the archive is damaged or cut off, has more than 10,000 entries, a file above
  /// 1 GiB, or more than 1 MiB behind its end.
  bool next();

  const std::string& path() const;  ///< Of the file in the archive.
  std::uint64_t size() const;       ///< Bytes in the file.

  /// The contents of the file, named "archive:path"; lives until next().
  ByteSource& contents();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ebb
