/// \file
/// Selector: which parameters a group takes. By role, path, module type or position, combined with &&, || and !.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/parameter.h"

namespace ebb {

/// What a selector sees of a parameter.
struct Candidate {
  std::string path;                      ///< From the root, e.g. "layer1.0.bn1.scale"; the name of a bare parameter.
  const Parameter* parameter = nullptr;  ///< Role, shape, value.
  std::string module_type;               ///< Type of the declaring module, e.g. "Conv2d"; empty for a bare parameter.
  int layer = 0;                         ///< Which of the modules with parameters declared it, from 0 at the input.
  int layers = 1;                        ///< Number of modules with parameters.
};

/// A question about a parameter, with the words it is printed as.
class Selector {
 public:
  /// A selector of your own: `Selector("matrices", [](const Candidate& c) { return c.parameter->shape().rank() == 2;
  /// })`.
  Selector(std::string text, std::function<bool(const Candidate&)> matches);

  /// Whether it selects the parameter.
  bool operator()(const Candidate& candidate) const { return (*matches_)(candidate); }

  /// As it was written, e.g. "norms() || biases()".
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const std::function<bool(const Candidate&)>> matches_;  // copies share it
};

/// Every one of the terms, written with && between them.
/// \throws Error when there is none.
Selector all_of(std::vector<Selector> terms);
/// At least one of the terms, written with || between them.
/// \throws Error when there is none.
Selector any_of(std::vector<Selector> terms);
/// Both. Many are better given to all_of(), whose cost grows with their number alone.
Selector operator&&(const Selector& a, const Selector& b);
/// Either. Many are better given to any_of().
Selector operator||(const Selector& a, const Selector& b);
/// Not this.
Selector operator!(const Selector& a);
/// Prints text().
std::ostream& operator<<(std::ostream& out, const Selector& selector);

/// Parameters of this role.
Selector role(Role role);

Selector norms();       ///< Scales and shifts of normalisation layers.
Selector biases();      ///< Biases of linear maps; not the shifts of norms.
Selector weights();     ///< Role::weight: matrices and filters.
Selector embeddings();  ///< Role::embedding.
Selector scalars();     ///< Role::scalar.

/// Every parameter; in a group table, every one that no group above took.
Selector everything_else();

/// Paths that match the pattern as a whole: * stands for any characters, dots included, ? for one.
/// `path("layer1.*")`, `path("*.bn?.scale")`.
Selector path(std::string_view pattern);

/// These paths, letter by letter. For lists that another tool made, such as an audit.
Selector paths(std::vector<std::string> list);

/// Parameters that a module of this type declares: `module_type("Linear")`.
Selector module_type(std::string_view type);

/// Parameters of the modules number first .. last, counting the modules with parameters from 0 at the input;
/// negative numbers count from the output (-1 is the last).
Selector depth(int first, int last);

/// This parameter and no other.
Selector only(const Parameter& parameter);

}  // namespace ebb
