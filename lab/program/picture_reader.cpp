#include "lab/program/picture_reader.h"

#include <unistd.h>

#include <algorithm>

#include "framework/io/descriptor.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/program_name.h"
#include "lab/use/picture_list.h"

namespace ebb {
namespace {

// Standard input, read to its end.
class StandardInput : public ByteSource {
 public:
  StandardInput() : ByteSource("standard input") {}
  std::size_t read(std::span<std::byte> out) override {
    const ssize_t count = retried([&] { return ::read(STDIN_FILENO, out.data(), out.size()); });
    if (count < 0) fail(name(), "an error while reading", "a picture");
    return static_cast<std::size_t>(count);
  }
};

Tensor read_from(const std::string& path, const PictureOptions& options) {
  if (path == "-") {
    StandardInput source;
    return read_picture(source, options);
  }
  FileSource source(path);
  return read_picture(source, options);
}

Tensor inverted(const Tensor& picture) {
  Tensor out(picture.shape(), DType::u8);
  std::ranges::transform(picture.span<std::uint8_t>(), out.mutable_span<std::uint8_t>().begin(),
                         [](std::uint8_t v) { return static_cast<std::uint8_t>(255 - v); });
  return out;
}

}  // namespace

std::vector<std::string> listed_pictures(const std::vector<std::string>& paths, bool& all) {
  PictureList list = pictures_of(paths);
  for (const std::string& problem : list.problems) complain() << printable(problem) << '\n';
  all = all && list.problems.empty();
  return std::move(list.pictures);
}

Error no_class(const std::string& path) {
  return Error(path, "logits that are not finite", "a class", "a network's weights that are not finite give none");
}

PictureReader::PictureReader(const Predictor& predictor, const PictureReading& reading)
    : predictor_(predictor), reading_(reading), far_(predictor.card()) {
  reading_.size.fit = reading.fit.value_or(predictor.card().fit.value_or(Fit::crop));
}

Tensor PictureReader::read(const std::string& path) {
  Tensor picture = read_from(path, reading_.file);
  if (reading_.invert) picture = inverted(picture);
  Tensor fitted = predictor_.fitted(picture, reading_.size);
  for (const std::string& sentence : far_.look(picture, fitted, path)) complain() << sentence << '\n';
  return fitted;
}

}  // namespace ebb
