#include "lab/use/predictor.h"

#include <algorithm>
#include <cmath>

#include "data/picture.h"
#include "framework/compute/instruction_set.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "lab/runs/run_files.h"
#include "lab/training/evaluation.h"
#include "lab/use/completed_card.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

fs::path weights_of(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  if (!fs::exists(path / run_files::model.name))
    fail(path.string(), text("a directory without ", run_files::model.name), "a finished run",
         "finish it with `ebb resume`");
  return path / run_files::model.name;
}

}  // namespace

Predictor::Predictor(const fs::path& path, const PredictorOptions& options)
    : flip_(options.tta_flip), translate_(options.tta_translate) {
  const fs::path weights = weights_of(path);
  const memory::Guard guard;
  const TensorFile file = load_safetensors(weights);
  const std::string where = weights.string();
  if (const auto format = file.metadata.find("format"); format != file.metadata.end() && format->second == "pt")
    fail(where, "numbers as PyTorch has them", "a model.safetensors of Ebb",
         text("make one of it: ebb import --torch ", where, " --out model.safetensors"));
  card_ = card_from(file.metadata, where, options.extensions);
  const bool tells_all = file.metadata.contains("model_options");
  if (!tells_all)
    detail::take_from_run(card_, weights.has_parent_path() ? weights.parent_path() : ".", options.extensions);
  card_ = detail::completed(std::move(card_), options, file.metadata.contains("model"), where);
  model_ = detail::network_of(card_, file.tensors, where);
  model_->load_state(file.tensors);
  model_->eval();
  for (const Parameter* const parameter : model_->parameters()) numbers_.push_back(&parameter->value());
  for (const NamedBuffer& buffer : model_->named_buffers()) numbers_.push_back(&buffer.buffer->value());
}

Tensor Predictor::fitted(const Tensor& picture, const ResizeOptions& options) const {
  return resize(with_channels(picture, image()[2]), image()[0], image()[1], options);
}

Tensor Predictor::standardised(const Tensor& pixels) const {
  require_defined("predict", "pixels", pixels);
  if (pixels.dtype() != DType::u8 || pixels.rank() != 4 || pixels.shape().without(0) != image())
    fail("predict", text("pixels ", pixels.shape(), " of ", pixels.dtype()),
         text("u8 [n, ", image()[0], ", ", image()[1], ", ", image()[2], "]"), "bring pictures there by fitted()");
  return standardise(pixels, *card_.standardisation);
}

Tensor Predictor::logits(const Tensor& pixels) {
  const Tensor images = standardised(pixels);
  const EvaluateOptions views{.flip = flip_, .translate = translate_};
  // Preparing takes as long as some pictures: it waits until there are more, and for weights that stay.
  if (const std::uint64_t now = state(); now != seen_) {
    seen_ = now;
    prepared_.reset();
    return view_logits(*model_, images, views);
  }
  if (!prepared_) prepared_ = prepare(*model_, image(), {.same_bits = true});
  return view_logits([this](const Tensor& x) { return (*prepared_)(x); }, images, views);
}

// Another number for other weights: model() gives them to whoever asks.
std::uint64_t Predictor::state() const {
  std::uint64_t out = 1;
  const auto mix = [&out](const Tensor& tensor) {
    for (const std::uint64_t part : {reinterpret_cast<std::uint64_t>(tensor.bytes().data()), tensor.version()})
      out = (out ^ part) * 0x9e3779b97f4a7c15U + (out >> 29);
  };
  for (const Tensor* const numbers : numbers_) mix(*numbers);
  for (const char c : instruction_set()) out = out * 31 + static_cast<unsigned char>(c);
  return out;
}

Tensor Predictor::predict(const Tensor& pixels) { return probabilities(logits(pixels)); }

Tensor probabilities(const Tensor& logits) {
  Tensor out(logits.shape());
  const std::int64_t classes = logits.dim(1);
  for (std::int64_t n = 0; n < logits.dim(0); ++n) {
    const float* const row = logits.data<float>() + n * classes;
    float* const to = out.mutable_data<float>() + n * classes;
    const double largest = *std::max_element(row, row + classes);
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(row[c]) - largest);
    for (std::int64_t c = 0; c < classes; ++c)
      to[c] = static_cast<float>(std::exp(static_cast<double>(row[c]) - largest) / sum);
  }
  return out;
}

}  // namespace ebb
