/// \file
/// Batches of a data set, shuffled anew in each epoch.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include "data/augment.h"
#include "data/dataset.h"

namespace ebb {

/// Samples and their labels.
struct Batch {
  Tensor images;  ///< f32 `[batch, ...]`, images `[batch, height, width, channels]`.
  Tensor labels;  ///< i64 `[batch]`; with mixup or cutmix each class's share, f32 `[batch, classes]`. Losses take both.
};

/// Labels as class numbers, i64 `[batch]`: the class with the largest share (the first of equals) where they are
/// shares; otherwise `labels` itself. For counting right answers.
Tensor class_labels(const Tensor& labels);

/// Learns of the batches that are made; see Loader::watch().
class BatchObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;  ///< Of beginning and end.
  virtual ~BatchObserver() = default;
  /// Called in the thread that has made batch number `position` of its epoch.
  virtual void made(std::int64_t position, const Batch& batch, Time begin, Time end) = 0;
};

/// How a Loader makes batches.
struct LoaderOptions {
  std::int64_t batch = 128;   ///< Samples in a batch, at least 1.
  std::uint64_t seed = 0;     ///< With the epoch it decides the order.
  bool shuffle = true;        ///< Off: the order of the data set, in every epoch.
  bool drop_last = false;     ///< Leave a last batch out that is smaller than the others.
  Augmentation augment = {};  ///< Random changes of samples and labels, for training.
  std::int64_t prefetch = 2;  ///< Batches made ahead while a loop walks through an epoch, by one thread of its own;
                              ///< 0: none, made as they are asked for. 0 to 64; changes no bit of any batch.
};

class Augmenter;
class Epoch;
class Prefetcher;

/// Makes batches of a data set, which it owns. Every batch is a pure function of the data set, the options (prefetch
/// excepted), the epoch and its position. Copies share the data set.
class Loader {
 public:
  /// `Loader batches(Mnist("data/mnist", Split::train), {.batch = 128, .seed = 1});`
  /// \throws Error when an option is out of range or an augmentation does not suit the samples.
  template <std::derived_from<Dataset> D>
  explicit Loader(D dataset, const LoaderOptions& options = {})
      : Loader(std::shared_ptr<const Dataset>(std::make_shared<const D>(std::move(dataset))), options) {}

  /// Shares a data set with others, for example with a second loader that does not shuffle.
  explicit Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options = {});

  /// The batches of epoch number `epoch`, to be walked through with a range-for or by position. With shuffling each
  /// sample stands in it exactly once, in an order that depends on the seed and `epoch` only (Fisher-Yates).
  /// \param first position at which the range-for begins: a resumed run goes on in the middle.
  /// \throws Error unless 0 <= first <= batches().
  Epoch epoch(std::int64_t epoch, std::int64_t first = 0) const;

  /// The same data set and options with batches of another size.
  /// \throws Error unless batch is at least 1.
  Loader with_batch(std::int64_t batch) const;

  /// The same batches, of which only parts begin .. end - 1 of `parts` are made: of n samples those from
  /// floor(begin n / parts) to floor(end n / parts) - 1, which may be none. Each is as in the whole batch.
  /// \throws Error unless 0 <= begin <= end <= parts.
  Loader part(std::int64_t begin, std::int64_t end, std::int64_t parts) const;

  /// Tells `observer` of every batch of the epochs that are asked for from now on.
  void watch(std::shared_ptr<BatchObserver> observer) { observer_ = std::move(observer); }

  std::int64_t batches() const;                              ///< Batches in an epoch.
  std::int64_t samples() const;                              ///< Samples in an epoch, without a dropped last batch.
  const Dataset& dataset() const { return *dataset_; }       ///< Lives as long as the loader.
  const LoaderOptions& options() const { return options_; }  ///< As given.

 private:
  friend class Epoch;
  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const Augmenter> augmenter_;  // none without augmentation
  std::shared_ptr<BatchObserver> observer_;     // mostly none
  LoaderOptions options_;
  std::int64_t part_begin_ = 0, part_end_ = 1, parts_ = 1;  // of every batch, what is made
};

/// One epoch of a Loader; shares its data set and may outlive it.
class Epoch {
 public:
  /// Number of batches, also when a walk begins in the middle.
  std::int64_t size() const { return batches_; }

  /// Batch number `position`, 0 .. size()-1, made in the calling thread.
  /// \throws Error when there is none.
  Batch operator[](std::int64_t position) const;

  /// The numbers of the samples in the order in which they come: i64 `[samples]`.
  const Tensor& order() const { return order_; }

  /// Walks through the batches; the batch at hand lives until the next step. With prefetching each walk has a thread,
  /// which ends with it. What the data set throws there is thrown here, by the step to the batch concerned.
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;              ///< Distance of two iterators.
    using value_type = Batch;                            ///< What it points to.
    using iterator_concept = std::input_iterator_tag;    ///< One pass.
    Iterator();                                          ///< Only for assignment and destruction.
    Iterator(Iterator&&) noexcept;                       ///< Leaves the other like a default-constructed one.
    Iterator& operator=(Iterator&&) noexcept;            ///< As above.
    ~Iterator();                                         ///< Ends the thread, after the batch it is making.
    const Batch& operator*() const { return batch_; }    ///< The batch at hand.
    const Batch* operator->() const { return &batch_; }  ///< The batch at hand.
    Iterator& operator++();                              ///< The next batch.
    void operator++(int) { ++*this; }                    ///< The next batch.
    /// True behind the last batch.
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return at.position_ == at.epoch_->size(); }

   private:
    friend class Epoch;
    explicit Iterator(const Epoch* epoch);
    void fetch();
    const Epoch* epoch_ = nullptr;
    std::unique_ptr<Prefetcher> ahead_;
    std::int64_t position_ = 0;
    Batch batch_;
  };

  Iterator begin() const { return Iterator(this); }   ///< The first batch of a walk; the epoch must outlive it.
  std::default_sentinel_t end() const { return {}; }  ///< Behind the last batch.

 private:
  friend class Loader;
  Epoch(const Loader& loader, std::int64_t number, std::int64_t first);
  Batch read(std::int64_t position) const;

  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const Augmenter> augmenter_;
  std::shared_ptr<BatchObserver> observer_;
  Shape sample_shape_;
  Tensor order_;
  std::int64_t number_;
  std::int64_t first_;
  std::int64_t batch_;
  std::int64_t batches_;
  std::int64_t prefetch_;
  std::int64_t part_begin_, part_end_, parts_;
};

}  // namespace ebb
