// SGDP and AdamP: updates of weights whose gradient is orthogonal to them lose their radial part, and decay a tenth.
#include <boost/test/unit_test.hpp>

#include "tests/optim/reference.h"
#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

constexpr std::size_t rows = 12, columns = 3;

double dot(const std::vector<double>& a, const std::vector<double>& b, std::size_t column) {
  double sum = 0;
  for (std::size_t i = column; i < a.size(); i += columns) sum += a[i] * b[i];
  return sum;
}

// Noise of this step, orthogonal to each column of w and divided by its squared length, as in front of a batch norm.
std::vector<double> orthogonal(const std::vector<double>& w, std::uint64_t step) {
  std::vector<double> g = values(random({rows, columns}, step, -1, 1, DType::f64));
  for (std::size_t c = 0; c < columns; ++c) {
    const double square = dot(w, w, c), along = dot(w, g, c);
    for (std::size_t i = c; i < g.size(); i += columns) g[i] = (g[i] - along / square * w[i]) / square;
  }
  return g;
}

const Maker& maker(const std::string& name) {
  static const std::vector<Maker> list = makers();
  return *std::find_if(list.begin(), list.end(), [&](const Maker& m) { return m.name == name; });
}

struct Run {
  std::vector<double> weights;
  double apart = 0;           // from the reference
  double radial = 0;          // largest share of the last step along the weights
  std::size_t projected = 0;  // steps in which the reference projected
};

Run run(const std::string& name, double lambda) {
  const auto w = random_parameter("w", {rows, columns}, 21);
  const auto optimizer =
      maker(name).make(groups({w.get()}, {{"all", everything_else()}}), decoupled_lr(lambda), constant());
  ReferenceRun reference{.optimizer = name, .kind = "decoupled_lr", .lambda = lambda};
  reference.parameters.push_back({.rows = rows, .columns = columns, .w = values(w->value())});
  Run out;
  for (std::uint64_t step = 0; step < 60; ++step) {
    const std::vector<double> before = values(w->value()), g = orthogonal(before, 300 + step);
    set_gradient(*w, Tensor::from(std::span<const double>(g), {rows, columns}));
    optimizer->step();
    reference.parameters[0].g = orthogonal(reference.parameters[0].w, 300 + step);
    reference.step(1);
    out.projected += reference.projected_list.size();
    std::vector<double> change = values(w->value());
    for (std::size_t i = 0; i < change.size(); ++i) change[i] -= before[i];
    out.radial = 0;
    for (std::size_t c = 0; c < columns; ++c)
      out.radial = std::max(out.radial, std::abs(dot(before, change, c)) / dot(before, before, c));
  }
  out.weights = values(w->value());
  for (std::size_t i = 0; i < out.weights.size(); ++i)
    out.apart = std::max(out.apart, std::abs(out.weights[i] - reference.parameters[0].w[i]));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(projected_updates)

BOOST_AUTO_TEST_CASE(only_decay_is_left_along_the_weights) {
  for (const auto& [name, plain] : {std::pair{"sgdp", "momentum"}, {"adamp", "adam"}}) {
    const Run got = run(name, 0.5), without_decay = run(name, 0);
    BOOST_TEST(got.projected == 60);
    BOOST_TEST(got.apart < 1e-12, name << ": " << got.apart);
    // lr 0.1, lambda 0.5, a tenth of it.
    BOOST_TEST(std::abs(got.radial - 0.1 * 0.5 * 0.1) < 1e-13, name << ": " << got.radial);
    BOOST_TEST(without_decay.radial < 1e-13, name << ": " << without_decay.radial);
    BOOST_TEST(run(plain, 0).radial > 1e-4, plain);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
