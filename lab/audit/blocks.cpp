#include "lab/audit/blocks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lab/audit/op_kind.h"

namespace ebb::detail {
namespace {

constexpr std::size_t longest = 5;  // ops in a line
constexpr std::size_t none = static_cast<std::size_t>(-1);

class Builder {
 public:
  explicit Builder(const std::vector<NetworkValue>& values)
      : values_(values), readers_(values.size(), 0), depth_(values.size(), 0), block_(values.size(), none) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!drawn(i)) continue;
      for (const std::size_t from : sources(i)) {
        ++readers_[from];
        depth_[i] = std::max(depth_[i], depth_[from] + 1);
      }
      from_data_ = from_data_ || reads_data(i);
    }
  }

  Blocks build() {
    if (from_data_) out_.list.push_back({.kind = Block::Kind::input});
    for (const std::size_t i : order()) place(i);
    for (std::size_t b = 0; b < out_.list.size(); ++b) connect(b);
    return std::move(out_);
  }

 private:
  bool drawn(std::size_t i) const { return values_[i].to_loss && values_[i].parameter < 0; }
  // A constant that is mapped, or all that there is to read, is data.
  bool reads_data(std::size_t i) const {
    return !values_[i].inputs.empty() && values_[i].inputs[0] < 0 && (is_map(i) || sources(i).empty());
  }
  bool is_map(std::size_t i) const {
    const OpKind kind = kind_of(values_[i].op);
    return kind == OpKind::linear || kind == OpKind::embedding;
  }

  // What is computed and read by value i, each once, in the order of the inputs.
  std::vector<std::size_t> sources(std::size_t i) const {
    std::vector<std::size_t> out;
    for (const std::int32_t input : values_[i].inputs) {
      const auto from = static_cast<std::size_t>(input);
      if (input >= 0 && drawn(from) && std::ranges::find(out, from) == out.end()) out.push_back(from);
    }
    return out;
  }

  // After what they read; shorter paths first. Without recursion: networks are deep.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> out;
    std::vector<bool> seen(values_.size(), false);
    std::vector<std::pair<std::size_t, bool>> open;
    for (std::size_t end = values_.size(); end-- > 0;) {
      if (!drawn(end) || readers_[end] > 0) continue;
      open.emplace_back(end, false);
      while (!open.empty()) {
        const auto [i, complete] = open.back();
        open.pop_back();
        if (complete) {
          out.push_back(i);
        } else if (!seen[i]) {
          seen[i] = true;
          open.emplace_back(i, true);
          std::vector<std::size_t> from = sources(i);
          std::ranges::stable_sort(from, [&](std::size_t a, std::size_t b) { return depth_[a] > depth_[b]; });
          for (const std::size_t source : from) open.emplace_back(source, false);  // the last is the first to be taken
        }
      }
    }
    return out;
  }

  bool has_parameters(std::size_t i) const {
    return std::ranges::any_of(values_[i].inputs, [&](std::int32_t input) {
      return input >= 0 && values_[static_cast<std::size_t>(input)].parameter >= 0;
    });
  }

  void place(std::size_t i) {
    const std::vector<std::size_t> from = sources(i);
    const bool map = is_map(i), loss = readers_[i] == 0;
    const bool join = from.size() > 1 && !map && kind_of(values_[i].op) != OpKind::norm;
    if (from.size() == 1 && !map && !loss && readers_[from[0]] == 1) {
      Block& block = out_.list[block_[from[0]]];
      const auto with = std::ranges::count_if(block.values, [&](std::size_t v) { return has_parameters(v); });
      if (block.values.back() == from[0] && block.values.size() < longest && (with < 2 || !has_parameters(i)) &&
          !(block.kind == Block::Kind::join && has_parameters(i))) {
        block.values.push_back(i);
        block_[i] = block_[from[0]];
        return;
      }
    }
    block_[i] = out_.list.size();
    out_.list.push_back({.kind = join ? Block::Kind::join : Block::Kind::ops, .values = {i}});
  }

  void connect(std::size_t b) {
    Block& block = out_.list[b];
    for (const std::size_t i : block.values) {
      if (reads_data(i)) wire(0, b);
      for (const std::size_t from : sources(i))
        if (block_[from] != b) wire(block_[from], b);
    }
  }

  void wire(std::size_t from, std::size_t to) {
    if (from + 1 == to) out_.list[to].follows = true;
    else if (from < to) out_.wires.push_back({from, to});
  }

  const std::vector<NetworkValue>& values_;
  std::vector<int> readers_, depth_;
  std::vector<std::size_t> block_;  // of each value
  bool from_data_ = false;
  Blocks out_;
};

// Lines number first .. last of `from` in one.
Blocks folded(const Blocks& from, std::size_t first, std::size_t last) {
  const auto number = [&](std::size_t b) { return b <= first ? b : b <= last ? first : b - (last - first); };
  Blocks out;
  for (std::size_t b = 0; b < from.list.size(); ++b) {
    if (b <= first || b > last) out.list.push_back(from.list[b]);
    else std::ranges::copy(from.list[b].values, std::back_inserter(out.list.back().values));
  }
  out.list[first].kind = Block::Kind::fold;
  for (const Wire& w : from.wires) {
    const Wire moved{number(w.from), number(w.to)};
    if (moved.from + 1 == moved.to) out.list[moved.to].follows = true;
    else if (moved.from != moved.to) out.wires.push_back(moved);
  }
  return out;
}

}  // namespace

Blocks blocks_of(const std::vector<NetworkValue>& values, std::size_t most) {
  Blocks out = Builder(values).build();
  const std::size_t count = out.list.size();
  if (count > most) out = folded(out, most / 2, most / 2 + count - most);
  std::ranges::sort(out.wires, {}, [](const Wire& w) { return std::pair(w.to - w.from, w.from); });
  // The ranges algorithm would return a range, which Clang 14 does not compile.
  out.wires.erase(std::unique(out.wires.begin(), out.wires.end()), out.wires.end());
  return out;
}

}  // namespace ebb::detail
