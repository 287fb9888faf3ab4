#include "lab/training/temperature.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Logits in double with the classes that are true, checked.
struct Scored {
  std::size_t n = 0, classes = 0;
  std::vector<double> z;            // [n, classes]
  std::vector<std::size_t> labels;  // [n]

  Scored(const char* where, const Tensor& logits, const Tensor& truth) {
    if (!logits.defined() || logits.rank() != 2 || logits.size() == 0 ||
        (logits.dtype() != DType::f32 && logits.dtype() != DType::f64))
      fail(where, "logits of another shape or type", "[n, classes] of f32 or f64, at least one sample");
    if (!truth.defined() || truth.rank() != 1 || truth.dim(0) != logits.dim(0) || truth.dtype() != DType::i64)
      fail(where, "labels of another shape or type", text("[", logits.dim(0), "] of i64"));
    n = static_cast<std::size_t>(logits.dim(0)), classes = static_cast<std::size_t>(logits.dim(1));
    z.resize(n * classes);
    for (std::size_t i = 0; i < z.size(); ++i) {
      z[i] = logits.dtype() == DType::f32 ? static_cast<double>(logits.data<float>()[i]) : logits.data<double>()[i];
      if (!std::isfinite(z[i])) fail(where, text("a logit of ", z[i], " in sample ", i / classes), "finite logits");
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t label = truth.data<std::int64_t>()[i];
      if (label < 0 || label >= logits.dim(1))
        fail(where, text("label ", label, " of sample ", i), text("0 to ", logits.dim(1) - 1));
      labels.push_back(static_cast<std::size_t>(label));
    }
  }

  // Probabilities of a sample at logits times `beta`, and the log of their sum over that of the greatest.
  double softmax(std::size_t sample, double beta, std::vector<double>& p) const {
    const double* const row = &z[sample * classes];
    const double top = *std::max_element(row, row + classes);
    double sum = 0;
    p.resize(classes);
    for (std::size_t k = 0; k < classes; ++k) sum += p[k] = std::exp(beta * (row[k] - top));
    for (double& x : p) x /= sum;
    return std::log(sum);
  }

  double loss(std::size_t sample, double beta, std::vector<double>& p) const {
    const double* const row = &z[sample * classes];
    const double top = *std::max_element(row, row + classes);
    return softmax(sample, beta, p) - beta * (row[labels[sample]] - top);
  }

  // Whether some label has a lesser logit than another class.
  bool beaten() const {
    for (std::size_t i = 0; i < n; ++i) {
      const double* const row = &z[i * classes];
      if (row[labels[i]] < *std::max_element(row, row + classes)) return true;
    }
    return false;
  }

  // What the probabilities expect of the logit less that of the label, over all samples: it falls with beta.
  double missing(double beta) const {
    double sum = 0;
    std::vector<double> p;
    for (std::size_t i = 0; i < n; ++i) {
      softmax(i, beta, p);
      for (std::size_t k = 0; k < classes; ++k) sum += p[k] * (z[i * classes + labels[i]] - z[i * classes + k]);
    }
    return sum;
  }
};

void require_positive(const char* where, double temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature)) fail(where, text("temperature ", temperature), "above 0");
}

}  // namespace

double negative_log_likelihood(const Tensor& logits, const Tensor& labels, double temperature) {
  require_positive("negative_log_likelihood()", temperature);
  const Scored scored("negative_log_likelihood()", logits, labels);
  double sum = 0;
  std::vector<double> p;
  for (std::size_t i = 0; i < scored.n; ++i) sum += scored.loss(i, 1 / temperature, p);
  return sum / static_cast<double>(scored.n);
}

double fit_temperature(const Tensor& logits, const Tensor& labels) {
  const Scored scored("fit_temperature()", logits, labels);
  const auto [least, largest] = std::ranges::minmax_element(scored.z);
  const double spread = *largest - *least;
  const char* const remedy = "keep temperature 1, or fit on more samples";
  if (!(scored.missing(0) > 0))
    fail("fit_temperature()", "logits of the labels no greater than the others", "some that are", remedy);
  if (!scored.beaten()) fail("fit_temperature()", "no label without the greatest logit", "some", remedy);
  double low = 0, high = 1 / spread;
  while (scored.missing(high) > 0) low = high, high *= 2;
  for (double middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2)
    (scored.missing(middle) > 0 ? low : high) = middle;
  return 1 / high;
}

std::vector<EvaluatedSample> evaluated_samples(const Tensor& logits, const Tensor& labels, double temperature) {
  require_positive("evaluated_samples()", temperature);
  const Scored scored("evaluated_samples()", logits, labels);
  std::vector<EvaluatedSample> out;
  std::vector<double> p;
  for (std::size_t i = 0; i < scored.n; ++i) {
    const double loss = scored.loss(i, 1 / temperature, p);
    const double* const row = &scored.z[i * scored.classes];
    const auto best = std::max_element(row, row + scored.classes) - row;
    out.push_back({.truth = static_cast<std::int64_t>(scored.labels[i]),
                   .predicted = best,
                   .confidence = p[static_cast<std::size_t>(best)],
                   .loss = loss});
  }
  return out;
}

double calibration_error_by_mass(const std::vector<EvaluatedSample>& samples, int bins) {
  if (bins < 1) fail("calibration_error_by_mass()", text(bins, " bins"), "at least one");
  if (samples.empty()) return 0;
  for (const EvaluatedSample& s : samples)
    if (!s.predicted) return std::numeric_limits<double>::quiet_NaN();
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return samples[i].confidence; });
  double error = 0;
  const auto count = static_cast<std::size_t>(bins), n = samples.size();
  for (std::size_t bin = 0; bin < count; ++bin) {
    double surplus = 0;  // confidence less what was right
    for (std::size_t k = bin * n / count; k < (bin + 1) * n / count; ++k) {
      const EvaluatedSample& s = samples[order[k]];
      surplus += s.confidence - (*s.predicted == s.truth ? 1 : 0);
    }
    error += std::abs(surplus) / static_cast<double>(n);
  }
  return error;
}

}  // namespace ebb
