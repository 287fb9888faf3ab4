#include "data/loader.h"

#include <algorithm>
#include <numeric>

#include "framework/tensor/error.h"
#include "framework/tensor/random.h"

namespace ebb {

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  if (dataset_ == nullptr) fail("loader", "no data set", "a data set");
  if (options_.batch < 1) fail("loader", text("a batch of ", options_.batch, " samples"), "at least 1");
}

std::int64_t Loader::batches() const {
  const std::int64_t size = dataset_->size();
  return size / options_.batch + (size % options_.batch != 0 && !options_.drop_last ? 1 : 0);
}

std::int64_t Loader::samples() const {
  const std::int64_t size = dataset_->size();
  return options_.drop_last ? size - size % options_.batch : size;
}

Epoch Loader::epoch(std::int64_t epoch) const { return Epoch(dataset_, options_, epoch, samples(), batches()); }

Epoch::Epoch(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options, std::int64_t number,
             std::int64_t samples, std::int64_t batches)
    : dataset_(std::move(dataset)),
      sample_shape_(dataset_->sample_shape()),
      order_({dataset_->size()}, DType::i64),
      batch_(options.batch),
      batches_(batches) {
  const auto order = order_.mutable_span<std::int64_t>();
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (options.shuffle) {
    const Rng rng = Rng(options.seed).at("shuffle").at(static_cast<std::uint64_t>(number));
    for (std::uint64_t last = order.size(); last > 1; --last) std::swap(order[last - 1], order[rng.below(last, last)]);
  }
  if (samples < dataset_->size()) {
    Tensor kept({samples}, DType::i64);
    std::ranges::copy(order.first(static_cast<std::size_t>(samples)), kept.mutable_span<std::int64_t>().begin());
    order_ = std::move(kept);
  }
}

Batch Epoch::operator[](std::int64_t position) const {
  if (position < 0 || position >= batches_)
    fail("loader", text("batch ", position, " of an epoch"), text("0 to ", batches_ - 1));
  const std::int64_t first = position * batch_;
  const std::int64_t count = std::min(batch_, order_.size() - first);
  const auto indices =
      order_.span<std::int64_t>().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  Batch out{Tensor(sample_shape_.insert(0, count)), Tensor({count}, DType::i64)};
  dataset_->read(indices, out.images.mutable_span<float>(), out.labels.mutable_span<std::int64_t>());
  return out;
}

Epoch::Iterator::Iterator(const Epoch* epoch) : epoch_(epoch) {
  if (epoch_->size() > 0) batch_ = (*epoch_)[0];
}

Epoch::Iterator& Epoch::Iterator::operator++() {
  // The old tensors go back to the pool first: the next batch takes their blocks.
  batch_ = {};
  if (++position_ < epoch_->size()) batch_ = (*epoch_)[position_];
  return *this;
}

}  // namespace ebb
