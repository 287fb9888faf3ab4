#include "framework/parallel/shard_tree.h"

#include <algorithm>
#include <numeric>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb::parallel {
namespace {

constexpr std::int64_t sum_block = 16384;
// Up to so many numbers every rank finishes the sum for itself: one message less to wait for.
constexpr std::int64_t few_numbers = 4096;

// In a loop, so that denormal numbers count as zero wherever it runs.
template <class T>
void add_to(T* left, const T* right, std::int64_t width) {
  for_blocks(width, sum_block, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) left[i] += right[i];
  });
}

template <class T>
void copy_to(T* to, const T* from, std::int64_t width) {
  for_blocks(width, sum_block,
             [&](std::int64_t begin, std::int64_t end) { std::copy(from + begin, from + end, to + begin); });
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& numbers, std::int64_t count) {
  return std::as_bytes(std::span(numbers).first(static_cast<std::size_t>(count)));
}

template <class T>
std::span<std::byte> writable_bytes_of(std::vector<T>& numbers, std::int64_t count) {
  return std::as_writable_bytes(std::span(numbers).first(static_cast<std::size_t>(count)));
}

template <class T>
void grow(std::vector<T>& numbers, std::int64_t count) {
  if (static_cast<std::int64_t>(numbers.size()) < count) numbers.resize(static_cast<std::size_t>(count));
}

std::int64_t total(std::span<const std::int64_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
}

}  // namespace

std::int64_t bytes_of_sum(int rank, int ranks, int shards, std::int64_t width, std::int64_t bytes_each) {
  const ShardRange range = shards_of(rank, ranks, shards);
  std::int64_t subtrees = 0;
  for (int at = range.begin, size = 1; at < range.end; at += size, ++subtrees)
    for (size = 1; at % (2 * size) == 0 && at + 2 * size <= range.end;) size *= 2;
  if (width <= few_numbers) return subtrees * width * (ranks - 1) * bytes_each;
  const std::int64_t piece = width * (rank + 1) / ranks - width * rank / ranks;
  return (subtrees * (width - piece) + (ranks - 1) * piece) * bytes_each;
}

template <class T>
void ShardTree<T>::begin(const Shards& shards, Communicator& ranks, std::int64_t width) {
  if (!is_shard_count(shards.count)) fail("shards", text(shards.count), text("a power of two from 1 to ", most_shards));
  if (width > capacity_) {
    memory_.clear();
    capacity_ = width;
  }
  free_.clear();
  for (const auto& memory : memory_) free_.push_back(memory.get());
  nodes_.clear();
  width_ = width;
  shards_ = shards;
  ranks_ = &ranks;
  own_ = shards_of(ranks.rank(), ranks.size(), shards.count);
  next_ = own_.begin;
}

template <class T>
void ShardTree<T>::join(T* left, const T* right, std::int64_t width) const {
  if (join_ == nullptr) add_to(left, right, width);
  else join_(left, right, width);
}

template <class T>
T* ShardTree<T>::take() {
  if (free_.empty()) {
    memory_.push_back(std::make_unique<T[]>(static_cast<std::size_t>(capacity_)));
    return memory_.back().get();
  }
  T* const numbers = free_.back();
  free_.pop_back();
  return numbers;
}

// Puts a subtree beside those on its left and joins the pairs that this completes.
template <class T>
void ShardTree<T>::push(Nodes& nodes, Node node, std::int64_t width) {
  for (; !nodes.empty(); nodes.pop_back()) {
    const Node& left = nodes.back();
    if (left.size != node.size || left.begin % (2 * left.size) != 0) break;
    T* numbers = left.numbers;
    if (numbers == nullptr) {
      numbers = node.numbers;
    } else if (node.numbers != nullptr) {
      join(numbers, node.numbers, width);
      if (&nodes == &nodes_) free_.push_back(node.numbers);
    }
    node = {left.begin, 2 * left.size, numbers};
  }
  nodes.push_back(node);
}

// Leaves out what has no samples.
template <class T>
void ShardTree<T>::skip_to(int shard) {
  for (; next_ < shard; ++next_) {
    if (!shards_.empty(next_)) fail("shards", text("shard ", shard, " without shard ", next_), "all in their order");
    push(nodes_, {next_, 1, nullptr}, width_);
  }
}

template <class T>
void ShardTree<T>::add(int shard, std::span<const std::span<const T>> pieces) {
  if (shard < next_ || shard >= own_.end || shards_.empty(shard))
    fail("shards", text("numbers of shard ", shard), text("one from ", next_, " to ", own_.end - 1, " with samples"));
  std::int64_t width = 0;
  for (const auto& piece : pieces) width += static_cast<std::int64_t>(piece.size());
  if (width != width_) fail("shards", text(width, " numbers of shard ", shard), text(width_, " as of the others"));
  skip_to(shard);
  ++next_;
  // A right leaf is added to its left one as it stands.
  const bool right = shard % 2 == 1 && !nodes_.empty() && nodes_.back().size == 1 && nodes_.back().numbers != nullptr;
  const bool direct = right && join_ == nullptr;
  T* const to = direct ? nodes_.back().numbers : take();
  std::int64_t at = 0;
  for (const auto& piece : pieces) {
    const auto size = static_cast<std::int64_t>(piece.size());
    if (direct) add_to(to + at, piece.data(), size);
    else copy_to(to + at, piece.data(), size);
    at += size;
  }
  if (!direct) return push(nodes_, {shard, 1, to}, width_);
  nodes_.pop_back();
  push(nodes_, {shard - 1, 2, to}, width_);
}

// What a rank has when it is ready, without the numbers: the largest aligned runs in what it owns.
template <class T>
typename ShardTree<T>::Nodes ShardTree<T>::nodes_of(int rank) const {
  Nodes out;
  const ShardRange range = shards_of(rank, ranks_->size(), shards_.count);
  for (int at = range.begin; at < range.end; at += out.back().size) {
    int size = 1;
    while (at % (2 * size) == 0 && at + 2 * size <= range.end) size *= 2;
    out.push_back({at, size, nullptr});
  }
  return out;
}

// How many of a rank's subtrees have numbers.
template <class T>
std::int64_t ShardTree<T>::arrays_of(int rank) const {
  return std::ranges::count_if(nodes_of(rank), [&](const Node& n) { return !shards_.empty(n.begin, n.size); });
}

// The subtrees of all ranks, whose numbers stand one behind the other.
template <class T>
typename ShardTree<T>::Nodes ShardTree<T>::received(T* all, std::int64_t width) const {
  Nodes out;
  for (int rank = 0; rank < ranks_->size(); ++rank)
    for (Node node : nodes_of(rank)) {
      if (!shards_.empty(node.begin, node.size)) {
        node.numbers = all;
        all += width;
      }
      out.push_back(node);
    }
  return out;
}

template <class T>
T* ShardTree<T>::combined(T* all, std::int64_t width) {
  Nodes tree;
  for (const Node& node : received(all, width)) push(tree, node, width);
  return tree.front().numbers;
}

template <class T>
void ShardTree<T>::gather_all() {
  std::vector<std::int64_t> sizes;
  for (int rank = 0; rank < ranks_->size(); ++rank) sizes.push_back(arrays_of(rank) * width_);
  const std::int64_t own = sizes[static_cast<std::size_t>(ranks_->rank())], all = total(sizes);
  grow(send_, own);
  grow(receive_, all);
  T* to = send_.data();
  for (const Node& node : nodes_)
    if (node.numbers != nullptr) to = std::copy_n(node.numbers, width_, to);
  for (std::int64_t& size : sizes) size *= static_cast<std::int64_t>(sizeof(T));
  ranks_->gather(bytes_of(send_, own), sizes, writable_bytes_of(receive_, all));
  std::copy_n(combined(receive_.data(), width_), width_, sum_.data());
}

// Rank c finishes the sum for piece c of the numbers, so that each number is sent about twice, whatever the ranks.
template <class T>
void ShardTree<T>::sum_in_pieces() {
  const int ranks = ranks_->size();
  const auto begin = [&](std::int64_t rank) { return width_ * rank / ranks; };
  const auto bytes = [](std::int64_t count) { return count * static_cast<std::int64_t>(sizeof(T)); };
  const std::int64_t piece = begin(ranks_->rank() + 1) - begin(ranks_->rank());
  std::vector<std::int64_t> sizes, got_sizes, pieces;
  std::int64_t own = 0, got = 0;
  for (const Node& node : nodes_) own += node.numbers != nullptr ? width_ : 0;
  grow(send_, own);
  T* to = send_.data();
  for (int rank = 0; rank < ranks; ++rank) {
    const T* const before = to;
    for (const Node& node : nodes_)
      if (node.numbers != nullptr) to = std::copy_n(node.numbers + begin(rank), begin(rank + 1) - begin(rank), to);
    sizes.push_back(bytes(to - before));
    pieces.push_back(bytes(begin(rank + 1) - begin(rank)));
    got += arrays_of(rank) * piece;
    got_sizes.push_back(bytes(arrays_of(rank) * piece));
  }
  grow(receive_, got);
  ranks_->exchange(bytes_of(send_, own), sizes, writable_bytes_of(receive_, got), got_sizes);
  const T* const finished = combined(receive_.data(), piece);
  ranks_->gather(std::as_bytes(std::span(finished, static_cast<std::size_t>(piece))), pieces,
                 writable_bytes_of(sum_, width_));
}

template <class T>
std::span<T> ShardTree<T>::finish() {
  if (shards_.samples < 1) fail("shards", "a batch without samples", "one or more");
  skip_to(own_.end);
  const auto width = static_cast<std::size_t>(width_);
  if (ranks_->size() == 1) return {nodes_.front().numbers, width};
  grow(sum_, width_);
  if (width_ <= few_numbers || join_ != nullptr) gather_all();
  else sum_in_pieces();
  return std::span(sum_).first(width);
}

template class ShardTree<float>;
template class ShardTree<double>;

}  // namespace ebb::parallel
