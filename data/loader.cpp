#include "data/loader.h"

#include <algorithm>
#include <numeric>

#include "data/augmenter.h"
#include "data/prefetcher.h"
#include "framework/tensor/error.h"
#include "framework/tensor/random.h"

namespace ebb {

Tensor class_labels(const Tensor& labels) {
  require_defined("class_labels", "labels", labels);
  if (labels.rank() == 1 && labels.dtype() == DType::i64) return labels;
  if (labels.rank() != 2 || labels.dtype() != DType::f32 || labels.dim(1) == 0)
    fail("class_labels", text(labels.shape(), " of ", labels.dtype()), "i64 [batch] or f32 [batch, classes]");
  Tensor out({labels.dim(0)}, DType::i64);
  const auto classes = static_cast<std::size_t>(labels.dim(1));
  const auto shares = labels.span<float>();
  std::size_t row = 0;
  for (std::int64_t& label : out.mutable_span<std::int64_t>()) {
    const auto part = shares.subspan(classes * row++, classes);
    label = std::ranges::max_element(part) - part.begin();
  }
  return out;
}

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  if (dataset_ == nullptr) fail("loader", "no data set", "a data set");
  if (options_.batch < 1) fail("loader", text("a batch of ", options_.batch, " samples"), "at least 1");
  if (options_.prefetch < 0 || options_.prefetch > 64)
    fail("loader", text(options_.prefetch, " batches made ahead"), "0 to 64");
  if (options_.augment != Augmentation{})
    augmenter_ = std::make_shared<const Augmenter>(dataset_, options_.augment, options_.seed);
}

Loader Loader::with_batch(std::int64_t batch) const {
  LoaderOptions options = options_;
  options.batch = batch;
  return Loader(dataset_, options);
}

Loader Loader::part(std::int64_t begin, std::int64_t end, std::int64_t parts) const {
  if (begin < 0 || begin > end || end > parts || parts < 1)
    fail("loader", text("parts ", begin, " to ", end, " of ", parts), "0 <= begin <= end <= parts");
  Loader out = *this;
  out.part_begin_ = begin;
  out.part_end_ = end;
  out.parts_ = parts;
  return out;
}

std::int64_t Loader::batches() const {
  const std::int64_t size = dataset_->size();
  return size / options_.batch + (size % options_.batch != 0 && !options_.drop_last ? 1 : 0);
}

std::int64_t Loader::samples() const {
  const std::int64_t size = dataset_->size();
  return options_.drop_last ? size - size % options_.batch : size;
}

Epoch Loader::epoch(std::int64_t epoch, std::int64_t first) const {
  if (first < 0 || first > batches())
    fail("loader", text("an epoch from batch ", first, " on"), text("0 to ", batches()));
  return Epoch(*this, epoch, first);
}

Epoch::Epoch(const Loader& loader, std::int64_t number, std::int64_t first)
    : dataset_(loader.dataset_),
      augmenter_(loader.augmenter_),
      observer_(loader.observer_),
      sample_shape_(dataset_->sample_shape()),
      order_({dataset_->size()}, DType::i64),
      number_(number),
      first_(first),
      batch_(loader.options_.batch),
      batches_(loader.batches()),
      prefetch_(loader.options_.prefetch),
      part_begin_(loader.part_begin_),
      part_end_(loader.part_end_),
      parts_(loader.parts_) {
  const auto order = order_.mutable_span<std::int64_t>();
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (loader.options_.shuffle) {
    const Rng rng = Rng(loader.options_.seed).at("shuffle").at(static_cast<std::uint64_t>(number));
    for (std::uint64_t last = order.size(); last > 1; --last) std::swap(order[last - 1], order[rng.below(last, last)]);
  }
  if (const std::int64_t samples = loader.samples(); samples < dataset_->size()) {
    Tensor kept({samples}, DType::i64);
    std::ranges::copy(order.first(static_cast<std::size_t>(samples)), kept.mutable_span<std::int64_t>().begin());
    order_ = std::move(kept);
  }
}

Batch Epoch::operator[](std::int64_t position) const {
  if (observer_ == nullptr) return read(position);
  const auto begin = std::chrono::steady_clock::now();
  Batch batch = read(position);
  observer_->made(position, batch, begin, std::chrono::steady_clock::now());
  return batch;
}

Batch Epoch::read(std::int64_t position) const {
  if (position < 0 || position >= batches_)
    fail("loader", text("batch ", position, " of an epoch"), text("0 to ", batches_ - 1));
  const std::int64_t whole = std::min(batch_, order_.size() - position * batch_);
  const std::int64_t first = part_begin_ * whole / parts_, count = part_end_ * whole / parts_ - first;
  const auto indices = order_.span<std::int64_t>().subspan(static_cast<std::size_t>(position * batch_ + first),
                                                           static_cast<std::size_t>(count));
  if (augmenter_ != nullptr) return augmenter_->read(indices, number_);
  Batch out{Tensor(sample_shape_.insert(0, count)), Tensor({count}, DType::i64)};
  dataset_->read(indices, out.images.mutable_span<float>(), out.labels.mutable_span<std::int64_t>());
  return out;
}

Epoch::Iterator::Iterator() = default;
Epoch::Iterator::Iterator(Iterator&&) noexcept = default;
Epoch::Iterator& Epoch::Iterator::operator=(Iterator&&) noexcept = default;
Epoch::Iterator::~Iterator() = default;

Epoch::Iterator::Iterator(const Epoch* epoch) : epoch_(epoch), position_(epoch->first_) {
  const std::int64_t left = epoch_->size() - position_;
  if (left > 1 && epoch_->prefetch_ > 0)
    ahead_ = std::make_unique<Prefetcher>(*epoch_, position_, std::min(left, epoch_->prefetch_));
  fetch();
}

Epoch::Iterator& Epoch::Iterator::operator++() {
  ++position_;
  fetch();
  return *this;
}

void Epoch::Iterator::fetch() {
  // The old tensors go back to the pool first: the next batch takes their blocks.
  batch_ = {};
  if (position_ >= epoch_->size()) ahead_.reset();
  else batch_ = ahead_ != nullptr ? ahead_->next() : (*epoch_)[position_];
}

}  // namespace ebb
