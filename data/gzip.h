/// \file
/// Reading gzip (RFC 1952) with its checks: the CRC-32 and the length at its end, and nothing behind them.
#pragma once

#include <memory>

#include "framework/io/byte_source.h"

namespace ebb {

/// The contents of a source in gzip format, inflated as they are read, in memory of constant size. The end of the
/// contents is reported only after CRC and length were right and the source ended there too; a second gzip member is
/// taken for trailing bytes. Who reads decides how much: ask for what the contents' own header announces, then
/// expect_end().
class GzipSource : public ByteSource {
 public:
  /// \param compressed must outlive this source.
  explicit GzipSource(ByteSource& compressed);
  ~GzipSource() override;

  /// \throws Error naming the source when its bytes are damaged, cut off, or go on behind the end.
  std::size_t read(std::span<std::byte> out) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ebb
