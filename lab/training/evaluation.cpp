#include "lab/training/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/nn/eval_mode.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

struct View {
  std::int64_t shift;
  bool mirrored;
  double weight;
};

std::vector<View> views(const EvaluateOptions& options) {
  std::vector<View> list{{0, false, 1}};
  if (options.translate > 0)
    list = {{0, false, 0.5}, {-options.translate, false, 0.25}, {options.translate, false, 0.25}};
  if (!options.flip) return list;
  std::vector<View> both;
  for (const View& view : list)
    for (const bool mirrored : {false, true}) both.push_back({view.shift, mirrored, view.weight / 2});
  return both;
}

using Network = std::function<Tensor(const Tensor&)>;

Network network_of(Layer& model) {
  return [&model](const Tensor& images) { return model(images).value(); };
}

Tensor logits_of(const Network& network, const Tensor& images, const std::vector<View>& list) {
  if (list.size() == 1) return network(images);
  Tensor sum;
  for (const View& view : list) {
    const bool plain = view.shift == 0 && !view.mirrored;
    const Tensor logits = network(plain ? images : view_of(images, view.shift, view.shift, view.mirrored));
    if (!sum.defined()) sum = Tensor::zeros(logits.shape(), logits.dtype());
    axpy(view.weight, logits, sum);
  }
  return sum;
}

template <class T>
EvaluatedSample evaluate_sample(const T* row, std::int64_t classes, std::int64_t truth) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::optional<std::int64_t> predicted =
      predicted_class(std::span<const T>(row, static_cast<std::size_t>(classes)));
  if (!predicted) return {.truth = truth, .confidence = nan, .loss = nan};
  const double largest = static_cast<double>(row[*predicted]);
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(row[c]) - largest);
  return {.truth = truth,
          .predicted = predicted,
          .confidence = 1 / sum,
          .loss = std::log(sum) + largest - static_cast<double>(row[truth])};
}

}  // namespace

Tensor view_of(const Tensor& images, std::int64_t rows, std::int64_t columns, bool mirrored) {
  if (images.rank() != 4)
    fail("view", text("samples of shape ", images.shape()), "images [n, height, width, channels]");
  const std::int64_t height = images.dim(1), width = images.dim(2), channels = images.dim(3);
  Tensor out(images.shape());
  const float* const from = images.data<float>();
  float* const to = out.mutable_data<float>();
  parallel::for_blocks(images.dim(0), 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
          const std::int64_t from_y = std::clamp<std::int64_t>(y - rows, 0, height - 1);
          const std::int64_t shifted = std::clamp<std::int64_t>((mirrored ? width - 1 - x : x) - columns, 0, width - 1);
          const float* const pixel = from + ((n * height + from_y) * width + shifted) * channels;
          std::copy_n(pixel, channels, to + ((n * height + y) * width + x) * channels);
        }
  });
  return out;
}

Tensor view_logits(Layer& model, const Tensor& images, const EvaluateOptions& options) {
  const EvalMode mode(model);
  const Tape::Pause pause;
  return view_logits(network_of(model), images, options);
}

Tensor view_logits(const Network& network, const Tensor& images, const EvaluateOptions& options) {
  return logits_of(network, images, views(options));
}

namespace {

// Batches begin .. end - 1; nothing when `stop` says so.
std::optional<std::vector<EvaluatedSample>> evaluate_batches(Layer& model, const Loader& batches,
                                                             const EvaluateOptions& options, std::int64_t begin,
                                                             std::int64_t end, const std::function<bool()>& stop) {
  const EvalMode mode(model);
  const Tape::Pause pause;
  const std::vector<View> list = views(options);
  const Network network = network_of(model);
  const std::int64_t all = batches.dataset().classes();
  std::vector<EvaluatedSample> out;
  out.reserve(static_cast<std::size_t>(std::min(batches.samples(), (end - begin) * batches.options().batch)));
  if (begin == end) return out;
  const Epoch epoch = batches.epoch(0, begin);
  for (const auto& [images, labels] : epoch) {
    if (stop && stop()) return std::nullopt;
    if (labels.dtype() != DType::i64) fail("evaluate", "soft labels", "a loader without mixup and cutmix");
    const Tensor logits = logits_of(network, images, list);
    Confusion(all).add(logits, labels);  // refuses what does not fit
    dispatch("evaluate", logits.dtype(), [&, truths = labels.span<std::int64_t>()](auto zero) {
      const std::int64_t classes = logits.dim(1);
      const auto* row = logits.data<decltype(zero)>();
      for (const std::int64_t truth : truths) {
        out.push_back(evaluate_sample(row, classes, truth));
        row += classes;
      }
    });
    if (++begin == end) break;
  }
  return out;
}

Evaluation evaluation_of(std::vector<EvaluatedSample> samples, std::int64_t classes) {
  Evaluation out{.confusion = Confusion(classes), .samples = std::move(samples)};
  for (const EvaluatedSample& sample : out.samples) {
    out.confusion.add(sample.truth, sample.predicted, 1);
    out.loss += sample.loss;
  }
  out.loss /= static_cast<double>(std::max<std::int64_t>(1, out.confusion.total()));
  out.accuracy = out.confusion.accuracy();
  out.calibration_error = calibration_error(out.samples);
  return out;
}

// A sample as ranks hand it over.
struct SampleInBytes {
  std::int64_t truth, predicted;  // -1: no prediction
  double confidence, loss;
};

}  // namespace

Evaluation evaluate(Layer& model, const Loader& batches, const EvaluateOptions& options) {
  return *evaluate_until(model, batches, options, {});
}

std::optional<Evaluation> evaluate_until(Layer& model, const Loader& batches, const EvaluateOptions& options,
                                         const std::function<bool()>& stop) {
  auto samples = evaluate_batches(model, batches, options, 0, batches.batches(), stop);
  if (!samples) return std::nullopt;
  return evaluation_of(std::move(*samples), batches.dataset().classes());
}

// Each rank has consecutive batches. In inference the bits of a sample do not depend on its company.
Evaluation evaluate(Layer& model, const Loader& batches, const EvaluateOptions& options,
                    parallel::Communicator& ranks) {
  if (ranks.size() == 1) return evaluate(model, batches, options);
  const auto first = [&](int rank) { return rank * batches.batches() / ranks.size(); };
  const auto own = evaluate_batches(model, batches, options, first(ranks.rank()), first(ranks.rank() + 1), {});
  std::vector<SampleInBytes> sent;
  for (const EvaluatedSample& s : *own) sent.push_back({s.truth, s.predicted.value_or(-1), s.confidence, s.loss});
  std::vector<std::int64_t> bytes;
  for (int r = 0; r < ranks.size(); ++r) {
    const auto samples = [&](int rank) { return std::min(batches.samples(), first(rank) * batches.options().batch); };
    bytes.push_back((samples(r + 1) - samples(r)) * static_cast<std::int64_t>(sizeof(SampleInBytes)));
  }
  std::vector<SampleInBytes> got(static_cast<std::size_t>(batches.samples()));
  ranks.gather(std::as_bytes(std::span(sent)), bytes, std::as_writable_bytes(std::span(got)));
  std::vector<EvaluatedSample> all;
  all.reserve(got.size());
  for (const SampleInBytes& s : got)
    all.push_back({.truth = s.truth,
                   .predicted = s.predicted < 0 ? std::nullopt : std::optional(s.predicted),
                   .confidence = s.confidence,
                   .loss = s.loss});
  return evaluation_of(std::move(all), batches.dataset().classes());
}

double calibration_error(const std::vector<EvaluatedSample>& samples) {
  constexpr int bins = 15;
  std::array<double, bins> gap{};  // sum of confidence minus number of right ones
  for (const EvaluatedSample& sample : samples) {
    if (!sample.predicted) return std::numeric_limits<double>::quiet_NaN();
    const int bin = std::clamp(static_cast<int>(std::ceil(sample.confidence * bins)) - 1, 0, bins - 1);
    gap[static_cast<std::size_t>(bin)] += sample.confidence - (sample.predicted == sample.truth ? 1 : 0);
  }
  double sum = 0;
  for (const double g : gap) sum += std::abs(g);
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

}  // namespace ebb
