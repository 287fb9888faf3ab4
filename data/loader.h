/// \file
/// Batches of a data set, shuffled anew in each epoch.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include "data/dataset.h"

namespace ebb {

/// Samples and their labels.
struct Batch {
  Tensor images;  ///< f32 `[batch, ...]`, images `[batch, height, width, channels]`.
  Tensor labels;  ///< i64 `[batch]`.
};

/// How a Loader makes batches.
struct LoaderOptions {
  std::int64_t batch = 128;  ///< Samples in a batch, at least 1.
  std::uint64_t seed = 0;    ///< With the epoch it decides the order.
  bool shuffle = true;       ///< Off: the order of the data set, in every epoch.
  bool drop_last = false;    ///< Leave a last batch out that is smaller than the others.
};

class Epoch;

/// Makes batches of a data set, which it owns. Every batch is a pure function of the data set, the options, the epoch
/// and its position. Copies share the data set.
class Loader {
 public:
  /// `Loader batches(Mnist("data/mnist", Split::train), {.batch = 128, .seed = 1});`
  /// \throws Error when the batch is smaller than 1.
  template <std::derived_from<Dataset> D>
  explicit Loader(D dataset, const LoaderOptions& options = {})
      : Loader(std::shared_ptr<const Dataset>(std::make_shared<const D>(std::move(dataset))), options) {}

  /// Shares a data set with others, for example with a second loader that does not shuffle.
  explicit Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options = {});

  /// The batches of epoch number `epoch`, to be walked through with a range-for or by position. With shuffling each
  /// sample stands in it exactly once, in an order that depends on the seed and `epoch` only (Fisher-Yates).
  Epoch epoch(std::int64_t epoch) const;

  std::int64_t batches() const;                              ///< Batches in an epoch.
  std::int64_t samples() const;                              ///< Samples in an epoch, without a dropped last batch.
  const Dataset& dataset() const { return *dataset_; }       ///< Lives as long as the loader.
  const LoaderOptions& options() const { return options_; }  ///< As given.

 private:
  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
};

/// One epoch of a Loader; shares its data set and may outlive it.
class Epoch {
 public:
  /// Number of batches.
  std::int64_t size() const { return batches_; }

  /// Batch number `position`, 0 .. size()-1; a resumed run begins in the middle.
  /// \throws Error when there is none.
  Batch operator[](std::int64_t position) const;

  /// The numbers of the samples in the order in which they come: i64 `[samples]`.
  const Tensor& order() const { return order_; }

  /// Walks through the batches; the batch at hand lives until the next step.
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;            ///< Distance of two iterators.
    using value_type = Batch;                          ///< What it points to.
    using iterator_concept = std::input_iterator_tag;  ///< One pass.
    Iterator() = default;
    const Batch& operator*() const { return batch_; }    ///< The batch at hand.
    const Batch* operator->() const { return &batch_; }  ///< The batch at hand.
    Iterator& operator++();                              ///< Makes the next batch.
    void operator++(int) { ++*this; }                    ///< Makes the next batch.
    /// True behind the last batch.
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return at.position_ == at.epoch_->size(); }

   private:
    friend class Epoch;
    explicit Iterator(const Epoch* epoch);
    const Epoch* epoch_ = nullptr;
    std::int64_t position_ = 0;
    Batch batch_;
  };

  Iterator begin() const { return Iterator(this); }   ///< The first batch; the epoch must outlive it.
  std::default_sentinel_t end() const { return {}; }  ///< Behind the last batch.

 private:
  friend class Loader;
  Epoch(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options, std::int64_t number, std::int64_t samples,
        std::int64_t batches);

  std::shared_ptr<const Dataset> dataset_;
  Shape sample_shape_;
  Tensor order_;
  std::int64_t batch_;
  std::int64_t batches_;
};

}  // namespace ebb
