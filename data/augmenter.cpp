#include "data/augmenter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Numbers of a sample's Rng. The tests pin what they give.
struct Draw {
  enum Number : std::uint64_t {
    flip,
    row,
    column,
    down,
    right,
    angle,
    brightness,
    contrast,
    saturation,
    cut_row,
    cut_column
  };
};

double symmetric(const Rng& rng, Draw::Number draw, double reach) { return reach * (2 * rng.uniform(draw) - 1); }

std::int64_t reflect(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1);
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i;
}

// Where the pixels of an image come from: rows and columns may lie outside, and columns run backwards when flipped.
struct Source {
  const float* pixels;
  std::int64_t height, width, channels;
  std::int64_t down = 0, right = 0;  // by which the rows and columns asked for are shifted
  bool flipped = false;
  Border border = Border::zero;

  // The row or column of the image that stands at `i`; -1: zeros.
  std::int64_t row(std::int64_t i) const { return bounded(i + down, height); }
  std::int64_t column(std::int64_t i) const {
    const std::int64_t at = bounded(i + right, width);
    return flipped && at >= 0 ? width - 1 - at : at;
  }

  void shifted(float* to) const;
  void moved(double shift_down, double shift_right, float* to) const;
  void rotated(double degrees, double shift_down, double shift_right, float* to) const;

 private:
  void copy_row(std::int64_t y, std::int64_t count, float* to) const;
  std::int64_t bounded(std::int64_t i, std::int64_t n) const {
    if (i >= 0 && i < n) return i;
    return border == Border::reflect ? reflect(i, n) : -1;
  }
};

// Columns 0 .. count-1 of row y.
void Source::copy_row(std::int64_t y, std::int64_t count, float* to) const {
  const std::int64_t from_row = row(y);
  if (from_row < 0) {
    std::fill_n(to, count * channels, 0.0f);
    return;
  }
  const float* const from = pixels + from_row * width * channels;
  const auto one_by_one = [&](std::int64_t x, std::int64_t end) {
    for (; x < end; ++x) {
      const std::int64_t at = column(x);
      for (std::int64_t c = 0; c < channels; ++c) to[x * channels + c] = at < 0 ? 0.0f : from[at * channels + c];
    }
  };
  if (flipped) return one_by_one(0, count);
  // The columns inside the image lie side by side; zeros or mirrored ones are at the edges.
  const std::int64_t first = std::clamp<std::int64_t>(-right, 0, count);
  const std::int64_t last = std::clamp<std::int64_t>(width - right, first, count);
  one_by_one(0, first);
  std::copy(from + (first + right) * channels, from + (last + right) * channels, to + first * channels);
  one_by_one(last, count);
}

// In whole pixels.
void Source::shifted(float* to) const {
  for (std::int64_t y = 0; y < height; ++y) copy_row(y, width, to + y * width * channels);
}

// Shifted by parts of a pixel; bilinear, with the same shares everywhere.
void Source::moved(double shift_down, double shift_right, float* to) const {
  const double up = std::floor(-shift_down), across = std::floor(-shift_right);
  const auto share_y = static_cast<float>(-shift_down - up), share_x = static_cast<float>(-shift_right - across);
  Source from = *this;
  from.down += static_cast<std::int64_t>(up);
  from.right += static_cast<std::int64_t>(across);
  const std::int64_t size = width * channels, line = size + channels;
  float* above = parallel::scratch<float>(0, 2 * line);
  float* below = above + line;
  from.copy_row(0, width + 1, above);
  for (std::int64_t y = 0; y < height; ++y, to += size) {
    from.copy_row(y + 1, width + 1, below);
    for (std::int64_t i = 0; i < size; ++i)
      to[i] = (1 - share_y) * ((1 - share_x) * above[i] + share_x * above[i + channels]) +
              share_y * ((1 - share_x) * below[i] + share_x * below[i + channels]);
    std::swap(above, below);
  }
}

// Rotated about the centre, then shifted; bilinear.
void Source::rotated(double degrees, double shift_down, double shift_right, float* to) const {
  const double radians = degrees * std::numbers::pi / 180;
  const double sine = std::sin(radians), cosine = std::cos(radians);
  const double middle_y = static_cast<double>(height - 1) / 2, middle_x = static_cast<double>(width - 1) / 2;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x, to += channels) {
      const double up = static_cast<double>(y) - middle_y - shift_down;
      const double across = static_cast<double>(x) - middle_x - shift_right;
      const double from_y = cosine * up - sine * across + middle_y;
      const double from_x = sine * up + cosine * across + middle_x;
      const auto y0 = static_cast<std::int64_t>(std::floor(from_y));
      const auto x0 = static_cast<std::int64_t>(std::floor(from_x));
      const auto share_y = static_cast<float>(from_y - static_cast<double>(y0));
      const auto share_x = static_cast<float>(from_x - static_cast<double>(x0));
      const std::int64_t r0 = y0 + down, c0 = x0 + right;
      if (r0 >= 0 && r0 + 1 < height && c0 >= 0 && c0 + 1 < width) {
        // All four inside, the common case.
        const float* const from = pixels + (r0 * width + (flipped ? width - 1 - c0 : c0)) * channels;
        const std::int64_t next = flipped ? -channels : channels, below = width * channels;
        for (std::int64_t c = 0; c < channels; ++c)
          to[c] = (1 - share_y) * ((1 - share_x) * from[c] + share_x * from[c + next]) +
                  share_y * ((1 - share_x) * from[c + below] + share_x * from[c + below + next]);
        continue;
      }
      std::fill_n(to, channels, 0.0f);
      for (int corner = 0; corner < 4; ++corner) {
        const bool lower = corner >= 2, righter = corner % 2 == 1;
        const std::int64_t r = row(lower ? y0 + 1 : y0), c = column(righter ? x0 + 1 : x0);
        if (r < 0 || c < 0) continue;
        const float weight = (lower ? share_y : 1 - share_y) * (righter ? share_x : 1 - share_x);
        const float* const from = pixels + (r * width + c) * channels;
        for (std::int64_t channel = 0; channel < channels; ++channel) to[channel] += weight * from[channel];
      }
    }
  }
}

void change_colours(float* image, std::int64_t size, const Augmentation& o, const Rng& rng) {
  if (o.brightness > 0) {
    const auto shift = static_cast<float>(symmetric(rng, Draw::brightness, o.brightness));
    for (std::int64_t i = 0; i < size; ++i) image[i] += shift;
  }
  if (o.contrast > 0) {
    double sum = 0;
    for (std::int64_t i = 0; i < size; ++i) sum += double{image[i]};
    const auto mean = static_cast<float>(sum / static_cast<double>(size));
    const auto factor = static_cast<float>(1 + symmetric(rng, Draw::contrast, o.contrast));
    for (std::int64_t i = 0; i < size; ++i) image[i] = mean + factor * (image[i] - mean);
  }
  if (o.saturation > 0) {
    const auto factor = static_cast<float>(1 + symmetric(rng, Draw::saturation, o.saturation));
    for (std::int64_t i = 0; i < size; i += 3) {
      const float grey = (image[i] + image[i + 1] + image[i + 2]) / 3;
      for (std::int64_t c = 0; c < 3; ++c) image[i + c] = grey + factor * (image[i + c] - grey);
    }
  }
}

// Rows top .. bottom-1 and columns left .. right-1.
struct Box {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;

  // A box around a pixel, without its parts outside of the image.
  static Box around(std::int64_t y, std::int64_t x, std::int64_t box_height, std::int64_t box_width,
                    std::int64_t height, std::int64_t width) {
    const std::int64_t top = y - box_height / 2, left = x - box_width / 2;
    return {std::max<std::int64_t>(0, top), std::max<std::int64_t>(0, left), std::min(height, top + box_height),
            std::min(width, left + box_width)};
  }
  std::int64_t area() const { return (bottom - top) * (right - left); }
};

// Logarithm of a Gamma(shape) number, from the numbers of `rng` (Marsaglia, Tsang 2000; below 1 with their boost).
double log_gamma_number(double shape, const Rng& rng) {
  double boost = 0;
  if (shape < 1) {
    boost = std::log(1 - rng.uniform(0)) / shape;
    shape += 1;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (std::uint64_t i = 1;; i += 2) {
    const double x = rng.normal(i), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - rng.uniform(i + 1)) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v) + boost;
  }
}

double beta_number(double shape, const Rng& rng) {
  return 1 / (1 + std::exp(log_gamma_number(shape, rng.at("b")) - log_gamma_number(shape, rng.at("a"))));
}

}  // namespace

// A sample's partner and what is taken from it.
struct Augmenter::Mix {
  std::int64_t partner = -1;  // none
  double share = 1;           // of the sample itself
  bool boxed = false;
  Box box = {};
};

Augmenter::Augmenter(std::shared_ptr<const Dataset> dataset, const Augmentation& options, std::uint64_t seed)
    : dataset_(std::move(dataset)),
      options_(options),
      samples_(Rng(seed).at("augment")),
      flips_(Rng(seed).at("flip")),
      noise_(Rng(seed).at("label noise")),
      classes_(dataset_->classes()) {
  const Shape shape = dataset_->sample_shape();
  require_suitable(options, shape, classes_);
  if (shape.rank() == 3) height_ = shape[0], width_ = shape[1], channels_ = shape[2];
  else channels_ = shape.size();
}

std::int64_t Augmenter::partner_of(const Rng& sample) const {
  const Rng rng = sample.at("mix");
  if (!options_.mixes() || rng.uniform(0) >= options_.mix_share) return -1;
  return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(dataset_->size()), 1));
}

Augmenter::Mix Augmenter::mix_of(const Rng& sample) const {
  Mix mix{.partner = partner_of(sample)};
  if (mix.partner < 0) return mix;
  const Rng rng = sample.at("mix");
  mix.boxed = options_.cutmix > 0 && (options_.mixup == 0 || rng.uniform(2) < 0.5);
  mix.share = beta_number(mix.boxed ? options_.cutmix : options_.mixup, rng);
  if (mix.boxed) {
    const double side = std::sqrt(1 - mix.share);
    const auto part = [side](std::int64_t n) { return std::llround(side * static_cast<double>(n)); };
    const auto place = [&rng](std::int64_t n, std::uint64_t draw) {
      return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(n), draw));
    };
    mix.box = Box::around(place(height_, 3), place(width_, 4), part(height_), part(width_), height_, width_);
    mix.share = 1 - static_cast<double>(mix.box.area()) / static_cast<double>(height_ * width_);
  }
  return mix;
}

std::int64_t Augmenter::noisy(std::int64_t label, std::int64_t sample) const {
  if (options_.label_noise == 0) return label;
  const Rng rng = noise_.at(static_cast<std::uint64_t>(sample));
  if (rng.uniform(0) >= options_.label_noise) return label;
  return (label + 1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(classes_ - 1), 1))) % classes_;
}

void Augmenter::change(const float* from, float* to, std::int64_t sample, std::int64_t epoch, const Rng& rng) const {
  const Augmentation& o = options_;
  const std::int64_t size = height_ * width_ * channels_;
  Source source{from, height_, width_, channels_};
  source.border = o.border;
  if (o.flip == Flip::random) source.flipped = rng.bits(Draw::flip) % 2 == 1;
  if (o.flip == Flip::alternating)
    source.flipped = (flips_.bits(static_cast<std::uint64_t>(sample)) + static_cast<std::uint64_t>(epoch)) % 2 == 1;
  if (o.crop > 0) {
    const auto places = static_cast<std::uint64_t>(2 * o.crop + 1);
    source.down = static_cast<std::int64_t>(rng.below(places, Draw::row)) - o.crop;
    source.right = static_cast<std::int64_t>(rng.below(places, Draw::column)) - o.crop;
  }
  const double shift_down = symmetric(rng, Draw::down, o.translate);
  const double shift_right = symmetric(rng, Draw::right, o.translate);
  if (o.rotate > 0) source.rotated(symmetric(rng, Draw::angle, o.rotate), shift_down, shift_right, to);
  else if (o.translate > 0) source.moved(shift_down, shift_right, to);
  else source.shifted(to);
  change_colours(to, size, o, rng);
  if (o.cutout > 0) {
    const auto y = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(height_), Draw::cut_row));
    const auto x = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(width_), Draw::cut_column));
    const Box box = Box::around(y, x, o.cutout, o.cutout, height_, width_);
    for (std::int64_t r = box.top; r < box.bottom; ++r)
      std::fill_n(to + (r * width_ + box.left) * channels_, (box.right - box.left) * channels_, 0.0f);
  }
}

void Augmenter::blend(const Mix& mix, const float* partner, float* to) const {
  const std::int64_t row = width_ * channels_;
  if (mix.boxed) {
    const std::int64_t left = mix.box.left * channels_, right = mix.box.right * channels_;
    for (std::int64_t y = mix.box.top; y < mix.box.bottom; ++y)
      std::copy(partner + y * row + left, partner + y * row + right, to + y * row + left);
  } else {
    const auto share = static_cast<float>(mix.share);
    for (std::int64_t i = 0; i < height_ * row; ++i) to[i] = share * to[i] + (1 - share) * partner[i];
  }
}

Batch Augmenter::read(std::span<const std::int64_t> indices, std::int64_t epoch) const {
  const auto count = static_cast<std::int64_t>(indices.size());
  const Rng epoch_rng = samples_.at(static_cast<std::uint64_t>(epoch));
  const auto rng_of = [&epoch_rng](std::int64_t sample) { return epoch_rng.at(static_cast<std::uint64_t>(sample)); };
  // The samples and behind them the partners, read in one go.
  Tensor numbers({2 * count}, DType::i64);
  const auto all = numbers.mutable_span<std::int64_t>();
  std::ranges::copy(indices, all.begin());
  std::int64_t wanted = count;
  for (const std::int64_t index : indices) {
    const std::int64_t partner = partner_of(rng_of(index));
    if (partner >= 0) all[static_cast<std::size_t>(wanted++)] = partner;
  }
  const Shape shape = dataset_->sample_shape();
  const std::int64_t length = shape.size();
  Tensor raw(shape.insert(0, wanted));
  Tensor raw_labels({wanted}, DType::i64);
  const auto labels = raw_labels.mutable_span<std::int64_t>();
  dataset_->read(all.first(static_cast<std::size_t>(wanted)), raw.mutable_span<float>(), labels);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = noisy(labels[i], all[i]);

  Batch out{Tensor(shape.insert(0, count)), raw_labels};
  const float* from = raw.data<float>();
  float* to = out.images.mutable_data<float>();
  if (!options_.mixes()) {
    for (std::size_t i = 0; i < indices.size(); ++i, from += length, to += length)
      change(from, to, indices[i], epoch, rng_of(indices[i]));
    return out;
  }
  out.labels = Tensor::zeros({count, classes_});
  float* target = out.labels.mutable_data<float>();
  Tensor other(shape);
  float* const partner = other.mutable_data<float>();
  auto next = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < indices.size(); ++i, from += length, to += length, target += classes_) {
    const Rng rng = rng_of(indices[i]);
    change(from, to, indices[i], epoch, rng);
    const Mix mix = mix_of(rng);
    const auto share = static_cast<float>(mix.share);
    target[labels[i]] += share;
    if (mix.partner < 0) continue;
    target[labels[next]] += 1 - share;
    change(raw.data<float>() + static_cast<std::int64_t>(next) * length, partner, mix.partner, epoch,
           rng.at("partner"));
    blend(mix, partner, to);
    ++next;
  }
  return out;
}

}  // namespace ebb
