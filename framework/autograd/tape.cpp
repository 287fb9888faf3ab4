#include "framework/autograd/tape.h"

#include <algorithm>
#include <memory>
#include <unordered_set>

#include "framework/autograd/tape_state.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace detail {

constinit thread_local OpObserver* op_observer = nullptr;

namespace {

std::atomic<std::uint64_t> next_serial{1};

thread_local TapeState* current = nullptr;      // what records in this thread
thread_local TapeState* innermost = nullptr;    // the last tape made and alive, recording or paused
thread_local const char* running_op = nullptr;  // the op whose backward rule runs

struct Running {
  explicit Running(const char* op) : before(std::exchange(running_op, op)) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { running_op = before; }
  const char* before;
};

// The state of the thread's last tape, to be reused; and what becomes of its tapes when the thread ends before them.
struct Kept {
  std::unique_ptr<TapeState> spare;
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    while (innermost != nullptr) {
      TapeState* const tape = std::exchange(innermost, innermost->outer);
      if (tape->owner.exchange(Owner::tape) == Owner::thread) delete tape;
    }
    current = nullptr;
  }
};
thread_local Kept kept_of_thread;

// Tapes mostly end in the reverse of their order, but those on the heap need not: nothing may go on naming this one.
void unlink(TapeState* tape) {
  if (current == tape) current = tape->suspended;
  for (TapeState** link = &innermost; *link != nullptr; link = &(*link)->outer) {
    if ((*link)->suspended == tape) (*link)->suspended = tape->suspended;
    if (*link == tape) {
      *link = tape->outer;
      break;
    }
  }
}

// Frees the current tape, which ended in another thread.
[[noreturn]] void fail_ended_elsewhere(const char* op) {
  const std::unique_ptr<TapeState> tape(current);
  unlink(current);
  fail(op, "a current tape that another thread has ended", "tapes that end in the thread that made them");
}

// The nodes at which a parameter's gradient is complete: where it was used first, which backward() comes to last.
std::vector<bool> first_uses(const std::vector<Node>& nodes) {
  std::vector<bool> out(nodes.size());
  std::unordered_set<const Parameter*> seen;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Parameter* const parameter = nodes[i].parameter;
    out[i] = parameter != nullptr && seen.insert(parameter).second;
  }
  return out;
}

const TapeState* alive(std::uint64_t serial) {
  for (const TapeState* tape = innermost; tape != nullptr; tape = tape->outer)
    if (tape->serial == serial) return tape;
  return nullptr;
}

}  // namespace

bool should_record(const char* op, std::span<const Var> inputs) {
  if (current != nullptr && current->owner.load(std::memory_order_relaxed) != Owner::both) fail_ended_elsewhere(op);
  bool any = false;
  for (const Var& input : inputs) {
    if (!input.tracked()) continue;
    if (current != nullptr && input.tape_ == current->serial) {
      any = true;
      continue;
    }
    if (alive(input.tape_) == nullptr)
      fail(op, "an input recorded on a tape that has ended", "values of the current tape, or constants",
           "compute it again on this tape, or keep it with detach()");
    if (current != nullptr)
      fail(op, "an input recorded on an outer tape", "values of the current tape, or constants",
           "detach() it, or compute it on this tape");
  }
  if (any && current->walked)
    fail(op, "an input of a tape whose backward() has run", "values of a tape that still records",
         "open a new Tape for the next forward pass");
  return any;
}

void* allocate_rule(std::size_t size, std::size_t alignment) { return current->arena.allocate(size, alignment); }

Var append_node(const OpLabel& op, std::span<const Var> inputs, Tensor output, Rule rule) {
  TapeState& tape = *current;
  Node& node = tape.nodes.emplace_back();
  node.op = op.name();
  node.shape = output.shape();
  node.dtype = output.dtype();
  node.first_edge = static_cast<std::uint32_t>(tape.edges.size());
  node.edges = static_cast<std::uint32_t>(inputs.size());
  node.first_setting = static_cast<std::uint32_t>(tape.settings.size());
  node.settings = static_cast<std::uint32_t>(op.settings().size());
  tape.settings.insert(tape.settings.end(), op.settings().begin(), op.settings().end());
  node.rule = rule;
  for (const Var& input : inputs) tape.edges.push_back(input.node_);
  if (op_observer != nullptr) op_observer->forward(node.op, tape.nodes.size() - 1, inputs, output);
  return Var(std::move(output), static_cast<std::int32_t>(tape.nodes.size()) - 1, tape.serial);
}

}  // namespace detail

using detail::current;
using detail::innermost;
using detail::Node;
using detail::TapeState;

Var::Var(Parameter& parameter) : value_(parameter.value()) {
  if (current == nullptr || parameter.frozen()) return;
  Node& node = current->nodes.emplace_back();
  node.op = "parameter";
  node.shape = parameter.shape();
  node.dtype = value_.dtype();
  node.parameter = &parameter;
  node_ = static_cast<std::int32_t>(current->nodes.size()) - 1;
  tape_ = current->serial;
}

Tape::Tape() {
  std::unique_ptr<TapeState> state = std::move(detail::kept_of_thread.spare);
  if (!state) state = std::make_unique<TapeState>();
  state->owner.store(detail::Owner::both, std::memory_order_relaxed);
  state->serial = detail::next_serial.fetch_add(1, std::memory_order_relaxed);
  state->outer = innermost;
  state->suspended = current;
  state_ = state.release();
  innermost = current = state_;
}

Tape::~Tape() {
  if (state_->thread != std::this_thread::get_id()) {
    // Its own thread may be recording on it at this moment.
    if (state_->owner.exchange(detail::Owner::thread) != detail::Owner::tape) return;
    delete state_;
    return;
  }
  state_->clear();
  detail::unlink(state_);
  detail::kept_of_thread.spare.reset(state_);
}

Var Tape::input(Tensor value) {
  require_defined("tape", "input", value);
  if (!is_float(value.dtype())) fail("tape", text("an input of type ", value.dtype()), "f32 or f64");
  Node& node = state_->nodes.emplace_back();
  node.op = "input";
  node.shape = value.shape();
  node.dtype = value.dtype();
  node.input = node.kept = true;
  return Var(std::move(value), static_cast<std::int32_t>(state_->nodes.size()) - 1, state_->serial);
}

void Tape::backward(const Var& loss) {
  require_defined("backward", "loss", loss.value());
  if (loss.size() != 1)
    fail("backward", text("a value of shape ", loss.shape()), "a loss with one element",
         "reduce it with mean() or sum(), or pass the gradient with respect to it as the second argument");
  walk(loss, Tensor::full(loss.shape(), 1.0, loss.dtype()), {});
}

void Tape::backward(const Var& value, const Tensor& seed, const std::function<void(Parameter&)>& complete) {
  require_defined("backward", "value", value.value());
  require_defined("backward", "seed", seed);
  require_same_shape("backward", value.value(), seed);
  require_same_dtype("backward", value.value(), seed);
  walk(value, seed, complete);
}

// Shows what the rule of node i has added to.
void Tape::show_gradients(std::size_t i) const {
  const Node& node = state_->nodes[i];
  for (std::uint32_t e = node.first_edge; e < node.first_edge + node.edges; ++e) {
    const std::int32_t from = state_->edges[e];
    if (from < 0) continue;
    const Tensor& gradient = state_->nodes[static_cast<std::size_t>(from)].grad;
    if (gradient.defined()) detail::op_observer->backward(node.op, i, gradient);
  }
}

void Tape::fail_gone(std::size_t node) const {
  std::string name;
  for (const auto& [at, of] : state_->gone)
    if (at == node) name = of;
  fail("backward", text("a gradient for parameter ", name, ", which has ended"), "parameters that outlive backward()",
       "keep the model until then");
}

void Tape::walk(const Var& value, Tensor seed, const std::function<void(Parameter&)>& complete) {
  if (!value.tracked())
    fail("backward", "a constant", "a value that depends on a parameter or an input of this tape",
         "make the tape before the forward pass, and check that parameters are not frozen");
  if (value.tape_ != state_->serial) fail("backward", "a value of another tape", "a value that this tape recorded");
  if (state_->walked)
    fail("backward", "a second backward() of one tape", "one backward() for each tape",
         "what the ops had saved is freed; record again on a new Tape, or add the losses first");
  state_->walked = true;
  const Pause pause;
  std::vector<Node>& nodes = state_->nodes;
  const std::vector<bool> completes = complete ? detail::first_uses(nodes) : std::vector<bool>();
  nodes[static_cast<std::size_t>(value.node_)].grad = std::move(seed);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    Node& node = nodes[i];
    if (node.grad.defined() && node.parameter != nullptr) {
      node.parameter->accumulate(std::exchange(node.grad, Tensor()));
    } else if (node.grad.defined() && node.rule.object != nullptr) {
      const Tensor dy = node.kept ? node.grad : std::exchange(node.grad, Tensor());
      InputGrads dx(*state_, i);
      const detail::Running mark(node.op);
      node.rule.run(node.rule.object, dy, dx);
      if (detail::op_observer != nullptr) show_gradients(i);
    } else if (node.grad.defined() && !node.input) {
      fail_gone(i);
    }
    TapeState::drop(node);
    if (complete && completes[i] && node.parameter != nullptr) complete(*node.parameter);
  }
  // What gradient() gives belongs to the caller alone: an edit of it must not reach another gradient or the seed.
  for (Node& node : nodes)
    if (node.grad.defined() && !node.grad.unique()) node.grad = node.grad.clone();
}

void Tape::keep_gradient(const Var& value) {
  if (!value.tracked() || value.tape_ != state_->serial)
    fail("keep_gradient", "a value that is not on this tape", "the result of an op that depends on an input");
  if (state_->walked) fail("keep_gradient", "a tape after backward()", "one before it");
  Node& node = state_->nodes[static_cast<std::size_t>(value.node_)];
  if (node.parameter != nullptr)
    fail("keep_gradient", "a parameter", "the result of an op", "gradients of parameters stand in Parameter::grad()");
  node.kept = true;
}

Tensor Tape::gradient(const Var& value) const {
  if (!value.tracked() || value.tape_ != state_->serial)
    fail("gradient", "a value that is not on this tape", "what Tape::input() returned");
  const Node& node = state_->nodes[static_cast<std::size_t>(value.node_)];
  if (!node.kept)
    fail("gradient", text("the result of ", node.op), "what Tape::input() returned, or a value of keep_gradient()",
         "gradients of parameters stand in Parameter::grad()");
  if (!state_->walked) fail("gradient", "a tape before backward()", "one after backward()");
  return node.grad.defined() ? node.grad : Tensor::zeros(node.shape, node.dtype);
}

std::size_t Tape::size() const { return state_->nodes.size(); }

TapeNode Tape::node(std::size_t number) const {
  if (state_->walked)
    fail("tape", text("a question for value ", number, " after backward()"), "one before it",
         "look at the graph first: backward() frees what it has walked");
  if (number >= size()) fail("tape", text("a question for value ", number), text("a number below ", size()));
  const Node& node = state_->nodes[number];
  return {.op = node.op,
          .settings = std::span(state_->settings).subspan(node.first_setting, node.settings),
          .inputs = std::span(state_->edges).subspan(node.first_edge, node.edges),
          .parameter = node.parameter,
          .shape = node.shape};
}

std::int32_t Tape::number(const Var& value) const { return value.tape_ == state_->serial ? value.node_ : -1; }

double TapeNode::setting(std::string_view name, double otherwise) const {
  const auto found = std::ranges::find(settings, name, &OpSetting::name);
  return found == settings.end() ? otherwise : found->value;
}

bool Tape::recording() { return current != nullptr; }

Tape::Pause::Pause() : suspended_(std::exchange(current, nullptr)) {}

Tape::Pause::~Pause() {
  // The tape may have ended meanwhile.
  for (TapeState* tape = innermost; tape != nullptr; tape = tape->outer)
    if (tape == suspended_) {
      current = suspended_;
      return;
    }
  current = nullptr;
}

std::int32_t InputGrads::source(int i) const {
  const Node& node = tape_.nodes[node_];
  if (i < 0 || static_cast<std::uint32_t>(i) >= node.edges)
    fail(node.op, text("the gradient of input ", i), text("one of its inputs, 0 to ", std::int64_t{node.edges} - 1),
         "correct the backward rule of this op");
  return tape_.edges[node.first_edge + static_cast<std::uint32_t>(i)];
}

bool InputGrads::wants(int i) const { return source(i) >= 0; }

const Shape& InputGrads::shape(int i) const {
  const std::int32_t from = source(i);
  if (from < 0)
    fail(tape_.nodes[node_].op, text("a question for the shape of input ", i), "an input that wants a gradient");
  return tape_.nodes[static_cast<std::size_t>(from)].shape;
}

void InputGrads::add(int i, Tensor gradient) {
  const std::int32_t from = source(i);
  if (from < 0) return;
  const Node& node = tape_.nodes[node_];
  Node& into = tape_.nodes[static_cast<std::size_t>(from)];
  require_defined(node.op, "gradient", gradient);
  if (!(gradient.shape() == into.shape) || gradient.dtype() != into.dtype)
    fail(node.op, text("a gradient ", gradient.shape(), ' ', gradient.dtype(), " for input ", i),
         text(into.shape, ' ', into.dtype), "correct the backward rule of this op");
  if (!into.grad.defined()) {
    into.grad = std::move(gradient);
    return;
  }
  if (!into.grad.unique()) {
    // Someone else holds these numbers: add into the other summand if that one is free, else into a copy.
    if (gradient.unique()) {
      add_into(gradient, into.grad);
      into.grad = std::move(gradient);
      return;
    }
    into.grad = into.grad.clone();
  }
  add_into(into.grad, gradient);
}

void Saved::fail_edited() const {
  fail(detail::running_op == nullptr ? "saved" : detail::running_op,
       "a tensor that was edited in place between forward and backward", "the numbers of the forward pass",
       "edit a clone(), or edit after backward()");
}

void detail::parameter_ends(const Parameter& parameter) noexcept {
  for (TapeState* tape = innermost; tape != nullptr; tape = tape->outer)
    for (std::size_t i = 0; i < tape->nodes.size(); ++i) {
      if (tape->nodes[i].parameter != &parameter) continue;
      tape->nodes[i].parameter = nullptr;
      tape->gone.emplace_back(i, parameter.name());
    }
}

bool tracked(std::initializer_list<Var> inputs) {
  return Tape::recording() && std::ranges::any_of(inputs, [](const Var& v) { return v.tracked(); });
}

}  // namespace ebb
