/// \file
/// The tape: what records while it lives, and walks back.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "framework/autograd/graph.h"
#include "framework/autograd/saved.h"
#include "framework/autograd/var.h"

namespace ebb {

class InputGrads;

namespace detail {

struct TapeState;
struct Repeat;

/// A backward rule in the tape's arena, with its type erased.
struct Rule {
  void* object = nullptr;
  void (*run)(void* object, const Tensor& dy, InputGrads& dx) = nullptr;
  void (*destroy)(void* object) = nullptr;
};

void* allocate_rule(std::size_t size, std::size_t alignment);

/// Learns of what this thread's tape records and walks back; find_non_finite() is one.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  /// An op of `inputs` was recorded as value number `node` of the tape.
  virtual void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) = 0;
  /// How to compute the op of the last forward() again, if it can be; see repeatable().
  virtual void repeat(const Repeat& /*repeat*/) {}
  /// The backward rule of value number `node` has added `gradient` to one of its inputs.
  virtual void backward(const char* op, std::size_t node, const Tensor& gradient) = 0;
};

/// Null, but while someone looks on.
extern constinit thread_local OpObserver* op_observer;

}  // namespace detail

/// While a Tape lives, its thread records; without one, ops just compute. Leaving the scope frees everything.
///
/// <!-- code: tests/docs/header_examples_test.cpp tape -->
/// ```cpp
/// Tape tape;
/// Var loss = softmax_cross_entropy(model(images), labels);
/// tape.backward(loss);
/// ```
///
/// Gradients of parameters are added to Parameter::grad(). A tape belongs to the thread that made it and ends there:
/// the next op of that thread throws where another one ended it. A tape made inside another's scope records instead of
/// it until it ends; values of the outer tape are errors there unless detached.
class Tape {
 public:
  /// Starts recording in this thread.
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A leaf whose gradient gradient() gives after backward(), for gradients with respect to inputs.
  Var input(Tensor value);

  /// Adds d loss / d p to the gradient of every parameter p on the tape and frees what was saved.
  /// \throws Error when loss has more than one element, is a constant, or backward() has run before; and naming the
  /// parameter when one that gets a gradient has ended.
  void backward(const Var& loss);

  /// As above for a value of any shape: `seed` is the gradient with respect to it, of its shape and dtype.
  /// \param complete called for each parameter on the tape as soon as nothing more will be added to its gradient, while
  /// those of others are still to come; the one that was first used last comes first.
  void backward(const Var& value, const Tensor& seed, const std::function<void(Parameter&)>& complete = {});

  /// Keeps the gradient with respect to the result of an op beyond backward(), which otherwise frees it on the way.
  /// \throws Error for values that are not on this tape, parameters, and after backward().
  void keep_gradient(const Var& value);

  /// The gradient with respect to an input() of this tape, or a value of keep_gradient(), after backward(). Zeros when
  /// nothing depended on it.
  Tensor gradient(const Var& value) const;

  /// Number of values recorded so far.
  std::size_t size() const;

  /// Value number 0 .. size() - 1, before backward().
  /// \throws Error for another number, or after backward().
  TapeNode node(std::size_t number) const;

  /// The number of a value of this tape; -1 for constants and values of other tapes.
  std::int32_t number(const Var& value) const;

  /// Ends recording in this thread while it lives: `Tape::Pause pause;`.
  class Pause {
   public:
    /// Suspends the current tape, if any.
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    detail::TapeState* suspended_;
  };

  static bool recording();  ///< True when this thread records.

 private:
  void walk(const Var& value, Tensor seed, const std::function<void(Parameter&)>& complete);
  void show_gradients(std::size_t node) const;
  [[noreturn]] void fail_gone(std::size_t node) const;

  detail::TapeState* state_;
};

/// What a backward rule adds the gradients of its op's inputs to.
class InputGrads {
 public:
  bool wants(int i) const;  ///< True when a gradient flows into input `i`; a rule skips what nobody wants.

  /// Adds the gradient of input `i`, of that input's shape and dtype. Ignored when not wanted. Hand over the tensor
  /// (`std::move`) where you keep no other handle: it is then reused instead of copied.
  void add(int i, Tensor gradient);

  const Shape& shape(int i) const;  ///< Of input `i`.

 private:
  friend class Tape;
  InputGrads(detail::TapeState& tape, std::size_t node) : tape_(tape), node_(node) {}
  std::int32_t source(int i) const;  // node number of input i, -1 for constants
  detail::TapeState& tape_;
  std::size_t node_;
};

/// Ends every op: puts `output` on the tape when this thread records and an input is tracked.
/// \param op its name, with the settings that TapeNode shows.
/// \param backward called as `backward(const Tensor& dy, InputGrads& dx)` with the gradient of the output. What it
///     captures is what the op keeps: wrap tensors in Saved.
template <std::invocable<const Tensor&, InputGrads&> Backward>
Var record(const OpLabel& op, std::span<const Var> inputs, Tensor output, Backward backward) {
  if (!detail::should_record(op.name(), inputs)) return Var(std::move(output));
  void* const place = detail::allocate_rule(sizeof(Backward), alignof(Backward));
  detail::Rule rule;
  rule.object = ::new (place) Backward(std::move(backward));
  rule.run = [](void* object, const Tensor& dy, InputGrads& dx) { (*static_cast<Backward*>(object))(dy, dx); };
  rule.destroy = [](void* object) { static_cast<Backward*>(object)->~Backward(); };
  return detail::append_node(op, inputs, std::move(output), rule);
}

/// As above: `record("relu", {x}, y, [...](const Tensor& dy, InputGrads& dx) { ... })`.
template <std::invocable<const Tensor&, InputGrads&> Backward>
Var record(const OpLabel& op, std::initializer_list<Var> inputs, Tensor output, Backward backward) {
  return record(op, std::span<const Var>(inputs.begin(), inputs.size()), std::move(output), std::move(backward));
}

/// True when a gradient will be wanted of any of `inputs`: an op that must keep more than its inputs asks first.
bool tracked(std::initializer_list<Var> inputs);

}  // namespace ebb
