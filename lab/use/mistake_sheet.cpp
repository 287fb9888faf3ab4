#include "lab/use/mistake_sheet.h"

#include <algorithm>

#include "data/picture.h"
#include "data/resize.h"
#include "framework/io/byte_source.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "lab/format/canvas.h"
#include "lab/format/pixel_font.h"
#include "lab/format/png.h"

namespace ebb {
namespace {

constexpr std::size_t most = 24;
constexpr std::int64_t side = 72;  // smaller pictures are enlarged
constexpr std::int64_t largest_side = 256;
constexpr std::int64_t gap = 8;
constexpr std::int64_t zoom = 2;  // of letters
constexpr std::int64_t line_height = (letter_height + 1) * zoom;

Tensor at_most(const Tensor& out) {
  const std::int64_t height = out.dim(0), width = out.dim(1), longest = std::max(height, width);
  if (longest <= largest_side) return out;
  const auto fitted = [&](std::int64_t n) { return std::max<std::int64_t>(1, n * largest_side / longest); };
  return resize(out, fitted(height), fitted(width), {.fit = Fit::stretch});
}

struct Shown {
  Tensor picture;
  std::string truth, predicted;
};

}  // namespace

Tensor picture_from(const std::string& text) try {
  if (text.empty()) return {};
  const std::vector<std::byte> bytes = from_base64(text);
  MemorySource source(bytes, "a picture of a record");
  return read_picture(source);
} catch (const MachineError&) {
  throw;
} catch (const Error&) {
  return {};
}

Tensor mistake_sheet(const EvaluationRecord& record) {
  std::vector<Shown> shown;
  std::int64_t height = 0, width = 0, channels = 1;
  for (const Mistake& m : record.worst) {
    if (shown.size() == most) break;
    Tensor picture = picture_from(m.picture);
    if (!picture.defined()) continue;
    picture = at_most(picture);
    shown.push_back({picture, record.classes[static_cast<std::size_t>(m.truth)],
                     '>' + record.classes[static_cast<std::size_t>(m.predicted)]});
    height = std::max(height, picture.dim(0));
    width = std::max(width, picture.dim(1));
    channels = std::max(channels, picture.dim(2));
  }
  if (shown.empty()) return {};
  const std::int64_t enlarged = std::max<std::int64_t>(1, side / std::max(height, width));
  const std::int64_t cell_width = std::max(width * enlarged, side) + gap;
  const std::int64_t cell_height = height * enlarged + gap + 2 * line_height;
  const auto count = static_cast<std::int64_t>(shown.size()), columns = sheet_columns(count);
  Canvas canvas((count + columns - 1) / columns * cell_height + gap, columns * cell_width + gap, channels);
  const auto letters = static_cast<std::size_t>((cell_width - gap) / (letter_step * zoom));
  for (std::int64_t i = 0; i < count; ++i) {
    const Shown& s = shown[static_cast<std::size_t>(i)];
    const std::int64_t top = gap + i / columns * cell_height, left = gap + i % columns * cell_width;
    canvas.paste(s.picture.span<std::uint8_t>(), s.picture.shape(), top, left, enlarged);
    const std::int64_t below = top + height * enlarged + gap / 2;
    canvas.write(std::string_view(s.truth).substr(0, letters), below, left, zoom);
    canvas.write(std::string_view(s.predicted).substr(0, letters), below + line_height, left, zoom);
  }
  return canvas.pixels();
}

}  // namespace ebb
