/// \file
/// What a tape holds. Included by tape.cpp only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/tensor/error.h"

namespace ebb::detail {

/// Memory for backward rules: chunks filled from the front, kept from tape to tape.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (const Chunk& chunk : chunks_) std::free(chunk.memory);
  }

  void* allocate(std::size_t size, std::size_t alignment) {
    for (;; ++current_, used_ = 0) {
      if (current_ == chunks_.size()) grow(size + alignment);
      const Chunk& chunk = chunks_[current_];
      const std::size_t begin = (used_ + alignment - 1) / alignment * alignment;
      if (begin + size > chunk.size) continue;
      used_ = begin + size;
      return chunk.memory + begin;
    }
  }

  void reset() { current_ = used_ = 0; }

 private:
  struct Chunk {
    std::byte* memory;
    std::size_t size;
  };

  void grow(std::size_t least) {
    const std::size_t size = std::max<std::size_t>(least, std::size_t{64} << 10);
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, size) != 0) fail("tape", text("no memory for ", size, " bytes"), "a smaller model");
    chunks_.push_back({static_cast<std::byte*>(memory), size});
  }

  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
};

/// A value on the tape.
struct Node {
  const char* op = nullptr;
  Shape shape;  // of the value, and so of its gradient
  DType dtype = DType::f32;
  Tensor grad;                     // undefined until something flows in
  Parameter* parameter = nullptr;  // for leaves of parameters
  bool input = false;              // for leaves of Tape::input
  bool kept = false;               // the gradient stays
  std::uint32_t first_edge = 0;    // inputs: edges[first_edge .. first_edge + edges)
  std::uint32_t edges = 0;
  std::uint32_t first_setting = 0;  // likewise
  std::uint32_t settings = 0;
  Rule rule;
};

/// Who frees a tape's state: its thread, unless that has ended before the Tape.
enum class Owner : std::uint8_t {
  both,    // the Tape lives, and so does its thread
  thread,  // the Tape ended in another thread: its own will notice
  tape,    // the thread ended
};

/// The values of a tape, and where it stands among those of its thread.
struct TapeState {
  std::uint64_t serial = 0;
  std::thread::id thread = std::this_thread::get_id();
  std::atomic<Owner> owner{Owner::both};
  bool walked = false;
  std::vector<Node> nodes;
  std::vector<std::int32_t> edges;  // node numbers, -1 for constants
  std::vector<OpSetting> settings;
  std::vector<std::pair<std::size_t, std::string>> gone;  // nodes whose parameter has ended, and its name
  Arena arena;
  TapeState* outer = nullptr;      // the tape made before this one in this thread, if it is still alive
  TapeState* suspended = nullptr;  // what recorded before this tape: the outer one, or nothing during a Pause

  TapeState() = default;
  TapeState(const TapeState&) = delete;
  TapeState& operator=(const TapeState&) = delete;
  ~TapeState() { clear(); }

  void clear() {
    // From the end, as backward() frees: what a step allocates and frees keeps one order.
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) drop(*node);
    nodes.clear();
    edges.clear();
    settings.clear();
    gone.clear();
    arena.reset();
    walked = false;
  }

  static void drop(Node& node) {
    if (node.rule.object != nullptr) node.rule.destroy(std::exchange(node.rule.object, nullptr));
  }
};

}  // namespace ebb::detail
