#include "lab/training/gradient_sums.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr std::int64_t bucket_bytes = std::int64_t{4} << 20;

}  // namespace

std::vector<std::vector<std::size_t>> gradient_buckets(const std::vector<Parameter*>& parameters) {
  std::vector<std::vector<std::size_t>> out;
  std::int64_t bytes = 0;
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const DType type = parameters[i]->value().dtype();
    const std::int64_t own = parameters[i]->shape().size() * static_cast<std::int64_t>(size_of(type));
    bytes += own;
    if (out.empty() || bytes > bucket_bytes || parameters[out.back().back()]->value().dtype() != type) {
      out.emplace_back();
      bytes = own;
    }
    out.back().push_back(i);
  }
  return out;
}

// Consecutive parameters of one type, a tree for their gradients, and the gradients of the last shard.
struct GradientSums::Bucket {
  explicit Bucket(DType type) : dtype(type) {}

  DType dtype;
  std::vector<std::size_t> members;
  std::vector<std::int64_t> sizes;
  std::int64_t width = 0;
  parallel::ShardTree<float> f32;
  parallel::ShardTree<double> f64;
  std::vector<Tensor> last;
  Tensor zeros;             // for what has no gradient
  std::size_t missing = 0;  // of `last`
  std::span<float> f32_sum;
  std::span<double> f64_sum;

  template <class Do>
  void with_tree(const Do& act) {
    if (dtype == DType::f32) act(f32, f32_sum);
    else act(f64, f64_sum);
  }

  void begin(const parallel::Shards& shards, parallel::Communicator& ranks) {
    with_tree([&](auto& tree, auto&) { tree.begin(shards, ranks, width); });
    last.assign(members.size(), Tensor());
    missing = members.size();
  }

  void add(int shard, const std::vector<Tensor>& gradients) {
    const bool all = std::ranges::all_of(gradients, [](const Tensor& g) { return g.defined(); });
    if (!all && !zeros.defined()) zeros = Tensor::zeros({std::ranges::max(sizes)}, dtype);
    with_tree([&]<class T>(parallel::ShardTree<T>& tree, auto&) {
      std::vector<std::span<const T>> pieces;
      for (std::size_t k = 0; k < members.size(); ++k)
        pieces.push_back(gradients[k].defined()
                             ? gradients[k].span<T>()
                             : std::as_const(zeros).span<T>().first(static_cast<std::size_t>(sizes[k])));
      tree.add(shard, pieces);
    });
  }

  void finish() {
    with_tree([](auto& tree, auto& sum) { sum = tree.finish(); });
  }
};

GradientSums::GradientSums(parallel::Communicator& ranks) : ranks_(ranks) {}
GradientSums::~GradientSums() = default;

void GradientSums::cut(const std::vector<Parameter*>& parameters) {
  parameters_ = parameters;
  places_.clear();
  buckets_.clear();
  bucket_of_.assign(parameters.size(), 0);
  for (const std::vector<std::size_t>& members : gradient_buckets(parameters)) {
    Bucket& bucket = *buckets_.emplace_back(std::make_unique<Bucket>(parameters[members.front()]->value().dtype()));
    bucket.members = members;
    for (const std::size_t i : members) {
      bucket.sizes.push_back(parameters[i]->shape().size());
      bucket.width += bucket.sizes.back();
      bucket_of_[i] = buckets_.size() - 1;
      places_[parameters[i]] = i;
    }
  }
}

void GradientSums::begin(const parallel::Shards& shards, const std::vector<Parameter*>& parameters) {
  if (parameters != parameters_) cut(parameters);
  for (const auto& bucket : buckets_) bucket->begin(shards, ranks_);
  last_ = -1;
  posted_ = 0;
  busy_before_ = thread_.busy();
}

void GradientSums::add(int shard, const std::vector<Tensor>& gradients) {
  if (shard == last_) {  // those that complete() has not seen
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (!complete_[i]) set(i, gradients[i]);
    return post();
  }
  for (const auto& bucket : buckets_) {
    std::vector<Tensor> own;
    for (const std::size_t i : bucket->members) own.push_back(gradients[i]);
    bucket->add(shard, own);
  }
}

void GradientSums::begin_last(int shard) {
  last_ = shard;
  last_begun_ = Clock::now();
  complete_.assign(parameters_.size(), false);
}

void GradientSums::complete(const Parameter& parameter) {
  const auto found = places_.find(&parameter);
  if (found == places_.end()) return;
  set(found->second, parameter.grad());
  post();
}

void GradientSums::set(std::size_t parameter, const Tensor& gradient) {
  Bucket& bucket = *buckets_[bucket_of_[parameter]];
  const auto place = std::ranges::find(bucket.members, parameter) - bucket.members.begin();
  bucket.last[static_cast<std::size_t>(place)] = gradient;
  complete_[parameter] = true;
  --bucket.missing;
}

void GradientSums::post() {
  for (; posted_ < buckets_.size() && buckets_[posted_]->missing == 0; ++posted_)
    thread_.post([bucket = buckets_[posted_].get(), shard = last_] {
      bucket->add(shard, bucket->last);
      bucket->finish();
    });
}

void GradientSums::finish() {
  const auto begun = Clock::now();
  if (posted_ > 0) thread_.wait();
  else
    for (const auto& bucket : buckets_) bucket->finish();
  const std::chrono::duration<double> waited = Clock::now() - begun, window = begun - last_begun_;
  for (const auto& bucket : buckets_) bucket->last.clear();
  if (ranks_.size() == 1) return;
  times_.exposed += waited.count();
  if (posted_ > 0) times_.window += window.count();
  times_.hidden += std::max(0.0, thread_.busy() - busy_before_ - waited.count());
}

void GradientSums::abandon() {
  if (posted_ == 0) return;
  ranks_.abandon();
  try {
    thread_.wait();
  } catch (const std::exception&) {  // that of the exchange, which the pass's own error explains
  }
}

Tensor GradientSums::sum(std::size_t parameter) const {
  const Bucket& bucket = *buckets_[bucket_of_[parameter]];
  std::size_t at = 0, k = 0;
  for (; bucket.members[k] != parameter; ++k) at += static_cast<std::size_t>(bucket.sizes[k]);
  const auto size = static_cast<std::size_t>(bucket.sizes[k]);
  Tensor out(parameters_[parameter]->shape(), bucket.dtype);
  if (bucket.dtype == DType::f32)
    std::ranges::copy(bucket.f32_sum.subspan(at, size), out.mutable_span<float>().begin());
  else std::ranges::copy(bucket.f64_sum.subspan(at, size), out.mutable_span<double>().begin());
  return out;
}

}  // namespace ebb
