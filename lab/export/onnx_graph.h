// An ONNX graph as it is put together: nodes, initializers, and how values of Ebb lie in it.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lab/export/onnx_op.h"

namespace ebb::detail {

struct OnnxNode {
  std::string type, name;
  std::vector<std::string> inputs;
  std::string output;
  std::vector<OnnxAttribute> attributes;
};

struct OnnxInitializer {
  std::string name;
  Tensor numbers;  // f32 or i64
};

// How a value of Ebb lies in the graph.
enum class Lies : std::uint8_t {
  plain,           // As in Ebb: [n, h, w, c].
  channels_first,  // [n, c, h, w], for any rank of 3 and more.
  flattened,       // [n, c h w], which is [n, h w c] in Ebb.
};

// A value of the pass.
struct OnnxValue {
  std::string name = {};  // In the graph; empty for constants.
  Tensor constant = {};   // Undefined for values of the graph, and for inputs that the op does not have.
  Shape shape = {};       // In Ebb, for a number of images,
  Shape other = {};       // and for another.
  Lies lies = Lies::plain;
  Shape image = {};  // [h, w, c] of what is flattened.

  bool in_graph() const { return !name.empty(); }
  bool defined() const { return in_graph() || constant.defined(); }
};

class OnnxGraph {
 public:
  // \param names of tensors of the model, by their first byte.
  explicit OnnxGraph(std::map<const std::byte*, std::string> names);

  // What is added next belongs to this layer and op: names follow it.
  void enter(const std::string& layer, const std::string& op);

  std::string node(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<OnnxAttribute>& attributes = {});

  // An initializer. `of` is the tensor of the model that it is made of, if any, whose name it gets; one that was made
  // of the same one in the same way is taken again.
  std::string initializer(const Tensor& numbers, const Tensor& of = {});
  std::string initializer(std::span<const std::int64_t> numbers);
  std::string number(double value);  // f32 of rank 0

  // The name of a value or constant that lies as is asked, by nodes or by another order of the constant's numbers.
  // Constants of elementwise ops have ranks and axes of 1 that broadcast against `rank` axes.
  std::string as(const OnnxValue& value, Lies lies, int rank = 0, const Shape& image = {});

  // A name that nothing has, beginning as given. Taken from now on.
  std::string fresh(const std::string& begin);
  // Gives a value another name, wherever it stands.
  void rename(const std::string& from, const std::string& to);

  std::vector<OnnxNode> nodes;
  std::vector<OnnxInitializer> initializers;

 private:
  std::string moved(const OnnxValue& value, Lies lies);

  std::map<const std::byte*, std::string> names_;
  std::set<std::string> taken_;
  std::map<std::pair<std::string, Lies>, std::string> moved_;  // values by their first name and how they lie
  std::string place_, op_;
};

// The place of Ebb's axis in [n, c, h, w].
inline int channels_first_axis(int axis, int rank) { return axis == 0 ? 0 : axis == rank - 1 ? 1 : axis + 1; }

// Sizes for a Reshape from a value that has `from` axes in the graph, to `to`: 0 copies the size of the batch.
// \throws Error naming `where` when the batch becomes part of more than one axis.
std::vector<std::int64_t> reshape_sizes(const std::string& where, const Shape& from, const Shape& from_other,
                                        const Shape& to, const Shape& to_other);

// Shape or tensor with the last axis behind the first.
Shape channels_first(const Shape& shape);
Tensor channels_first(const Tensor& numbers);
// Numbers of a flattened image along the last axis, from h, w, c to c, h, w.
Tensor flattened(const Tensor& numbers, const Shape& image);

}  // namespace ebb::detail
