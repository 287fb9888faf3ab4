#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/random.h"

namespace ebb {
namespace {

std::vector<std::int64_t> labels_of(const Dataset& set) {
  constexpr std::int64_t batch = 64;
  const std::int64_t n = set.size();
  std::vector<std::int64_t> labels(static_cast<std::size_t>(n)), indices(labels.size());
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  Tensor samples(set.sample_shape().insert(0, std::min(n, batch)));
  const auto room = samples.mutable_span<float>();
  const auto length = static_cast<std::size_t>(set.sample_shape().size());
  for (std::int64_t first = 0; first < n; first += batch) {
    const auto at = static_cast<std::size_t>(first);
    const auto count = static_cast<std::size_t>(std::min(batch, n - first));
    set.read(std::span(indices).subspan(at, count), room.first(count * length), std::span(labels).subspan(at, count));
  }
  return labels;
}

// The samples by class (when stratified), and in a random order within it: dealing them out in this order gives each
// class its share of each part.
std::vector<std::int64_t> dealt(const Dataset& set, const SplitOptions& options) {
  const Rng rng = Rng(options.seed).at("split");
  std::vector<std::int64_t> labels;
  if (options.stratified) labels = labels_of(set);
  std::vector<std::uint64_t> places(static_cast<std::size_t>(set.size()));
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = rng.bits(i);
  std::vector<std::int64_t> order(places.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::sort(order, [&](std::int64_t a, std::int64_t b) {
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    if (options.stratified && labels[i] != labels[j]) return labels[i] < labels[j];
    return places[i] != places[j] ? places[i] < places[j] : a < b;
  });
  return order;
}

// Sample order[j] is held out where held(j) says so.
template <class Held>
Parts parts_of(const std::vector<std::int64_t>& order, const Held& held) {
  std::vector<std::int64_t> train, held_out;
  for (std::size_t j = 0; j < order.size(); ++j)
    (held(static_cast<std::int64_t>(j)) ? held_out : train).push_back(order[j]);
  const auto tensor = [](std::vector<std::int64_t>& numbers) {
    std::ranges::sort(numbers);
    return Tensor::from(std::span<const std::int64_t>(numbers), {static_cast<std::int64_t>(numbers.size())});
  };
  return {tensor(train), tensor(held_out)};
}

void require_indices(const Dataset& set, const Tensor& indices) {
  require_defined("select", "indices", indices);
  if (indices.dtype() != DType::i64 || indices.rank() != 1)
    fail("select", text("indices ", indices.shape(), " of ", indices.dtype()), "indices [n] of i64");
  for (const std::int64_t index : indices.span<std::int64_t>())
    if (index < 0 || index >= set.size()) fail("select", text("sample ", index), text("0 to ", set.size() - 1));
}

}  // namespace

Parts split(const Dataset& set, double fraction, const SplitOptions& options) {
  const std::int64_t n = set.size();
  const bool sound = fraction > 0 && fraction < 1;
  const std::int64_t held_out = sound ? std::llround(fraction * static_cast<double>(n)) : 0;
  if (held_out < 1 || held_out >= n)
    fail("split", text("a share of ", fraction, " of ", n, " samples"), "a share that leaves samples in both parts");
  return parts_of(dealt(set, options), [&](std::int64_t j) { return (j + 1) * held_out / n > j * held_out / n; });
}

std::vector<Parts> k_fold(const Dataset& set, std::int64_t folds, const SplitOptions& options) {
  if (folds < 2 || folds > set.size())
    fail("k_fold", text(folds, " folds of ", set.size(), " samples"), text("2 to ", set.size()));
  const std::vector<std::int64_t> order = dealt(set, options);
  std::vector<Parts> out;
  for (std::int64_t fold = 0; fold < folds; ++fold)
    out.push_back(parts_of(order, [&](std::int64_t j) { return j % folds == fold; }));
  return out;
}

Subset::Subset(std::shared_ptr<const Dataset> set, Tensor indices)
    : set_(std::move(set)), indices_(std::move(indices)) {
  if (set_ == nullptr) fail("Subset", "no data set", "a data set");
  require_indices(*set_, indices_);
}

void Subset::read(std::span<const std::int64_t> indices, std::span<float> samples,
                  std::span<std::int64_t> labels) const {
  require_readable(indices, samples, labels);
  Tensor numbers({static_cast<std::int64_t>(indices.size())}, DType::i64);
  const auto to = numbers.mutable_span<std::int64_t>();
  const auto from = indices_.span<std::int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) to[i] = from[static_cast<std::size_t>(indices[i])];
  set_->read(to, samples, labels);
}

ImageDataset select(const ImageDataset& set, const Tensor& indices) {
  require_indices(set, indices);
  const std::int64_t n = indices.size();
  Tensor pixels(set.sample_shape().insert(0, n), DType::u8);
  Tensor labels({n}, set.labels().dtype());
  const std::int64_t length = set.sample_shape().size();
  const std::uint8_t* const from = set.pixels().data<std::uint8_t>();
  std::uint8_t* to = pixels.mutable_data<std::uint8_t>();
  const auto label_length = static_cast<std::int64_t>(size_of(labels.dtype()));
  const std::byte* const from_labels = set.labels().bytes().data();
  std::byte* to_label = labels.mutable_bytes().data();
  for (const std::int64_t index : indices.span<std::int64_t>()) {
    std::memcpy(to, from + index * length, static_cast<std::size_t>(length));
    to += length;
    std::memcpy(to_label, from_labels + index * label_length, static_cast<std::size_t>(label_length));
    to_label += label_length;
  }
  std::vector<std::string> names;
  for (std::int64_t label_number = 0; label_number < set.classes(); ++label_number)
    names.push_back(set.class_name(label_number));
  ImageDataset out(pixels, labels, std::move(names), set.statistics());
  out.set_remark(set.remark());
  return out;
}

ImageParts select(const ImageDataset& set, const Parts& parts) {
  ImageParts out{select(set, parts.train), select(set, parts.held_out)};
  const PixelStatistics fitted = fit_statistics(out.train.pixels());
  out.train.set_statistics(fitted);
  out.held_out.set_statistics(fitted);
  return out;
}

}  // namespace ebb
