#include "data/optdigits.h"

#include "data/csv.h"
#include "data/published.h"
#include "data/recognize.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t digit_side = 8;
constexpr std::int64_t columns = digit_side * digit_side + 1;
constexpr int most_ink = 16;

ImageDataset load(const fs::path& directory, Split split, const OptdigitsOptions& options) {
  const PublishedSet& set = published_set("optdigits");
  const fs::path path = find_published(set, directory, split).front();
  FileSource source(path);
  require_available(path.string(), "its table", 2 * static_cast<std::int64_t>(source.size()));
  ReadFile file{.name = path.string(), .fingerprint = {}};
  FingerprintedSource read(source, file.fingerprint);
  const Tensor table = read_csv(read, columns);
  std::string remark = recognize(set, split, {&file, 1});
  const std::int64_t lines = table.dim(0);
  Tensor pixels({lines, digit_side, digit_side, 1}, DType::u8);
  Tensor labels({lines}, DType::u8);
  const std::uint8_t* from = table.data<std::uint8_t>();
  std::uint8_t* to = pixels.mutable_data<std::uint8_t>();
  for (std::int64_t line = 0; line < lines; ++line, ++from) {
    for (int i = 0; i < digit_side * digit_side; ++i, ++from, ++to) {
      if (*from > most_ink)
        fail(path.string(), text("a count of ", int{*from}, " in line ", line + 1), text("0 to ", most_ink));
      *to = static_cast<std::uint8_t>((*from * 255 + most_ink / 2) / most_ink);
    }
    if (*from > 9) fail(path.string(), text("class ", int{*from}, " in line ", line + 1), "0 to 9");
    labels.mutable_data<std::uint8_t>()[line] = *from;
  }
  ImageDataset out(pixels, labels, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                   options.statistics.value_or(PixelStatistics{{0.3078}, {0.3771}}));
  out.set_remark(std::move(remark));
  return out;
}

}  // namespace

Optdigits::Optdigits(const fs::path& directory, Split split, const OptdigitsOptions& options)
    : ImageDataset(load(directory, split, options)) {}

}  // namespace ebb
