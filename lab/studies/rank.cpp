// Rank: what decay does to the singular values of one matrix and of a product.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/factors.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"

namespace ebb::studies::rank_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::int64_t n = 6;
constexpr double lambda = 0.5;
const Numbers values{3, 2, 1, 0.4, 0.2, 0.1};

Numbers shrunk(double (*rule)(double)) {
  Numbers out;
  for (const double s : values) out.push_back(rule(s));
  return out;
}

// How many singular values are above a hundredth of the greatest.
double rank_of(const Tensor& parts) {
  double most = 0, count = 0;
  for (std::int64_t k = 0; k < n; ++k) most = std::max(most, std::abs(parts.at({k, k})));
  for (std::int64_t k = 0; k < n; ++k) count += std::abs(parts.at({k, k})) > 0.01 * most;
  return count;
}

void run(const Trial& trial, Record& record) {
  const Spectrum spectrum(n, trial.rng().at("spectrum"));
  const Tensor target = spectrum.matrix(values);
  const Tensor one = descended_product(target, 1, lambda, 600, trial.rng().at("one")),
               two = descended_product(target, 2, lambda, 4000, trial.rng().at("two"));
  put_exact(record, "one matrix", farthest(one, spectrum.matrix(shrunk([](double s) { return s / (1 + lambda); }))),
            farthest(one, target));
  const Tensor soft = spectrum.matrix(shrunk([](double s) { return std::max(s - lambda, 0.0); }));
  put_exact(record, "two factors", farthest(two, soft), farthest(one, soft));
  const Tensor of_one = spectrum.parts(one), of_two = spectrum.parts(two);
  record.put("rank of one matrix", rank_of(of_one));
  record.put("rank of two factors", rank_of(of_two));
  for (std::int64_t k = 0; k < n; ++k) {
    const double s = values[static_cast<std::size_t>(k)];
    record.put("value of one matrix", k, of_one.at({k, k}));
    record.put("value of two factors", k, of_two.at({k, k}));
    record.put("one matrix by formula", k, s / (1 + lambda));
    record.put("two factors by formula", k, std::max(s - lambda, 0.0));
  }
  // Inputs of unequal sizes, data of a matrix W: along input direction i of second moment c_i the column is
  // c_i / (c_i + lambda) of W's.
  const Numbers moments{4, 2, 1, 0.25, 0.0625, 0.015625};
  Parameter w("w", Role::weight, Tensor::zeros({n, n}, DType::f64));
  Sgd optimizer(alone(w), {.lr = 0.25, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < 600; ++step) {
    Tensor g = w.value().clone();
    for (std::int64_t i = 0; i < n * n; ++i) {
      double& x = g.mutable_data<double>()[i];
      x = moments[static_cast<std::size_t>(i % n)] * (x - target.data<double>()[i]);
    }
    set_gradient(w, g);
    optimizer.step();
  }
  Tensor filtered = target.clone();
  for (std::int64_t i = 0; i < n * n; ++i) {
    const double c = moments[static_cast<std::size_t>(i % n)];
    filtered.mutable_data<double>()[i] *= c / (c + lambda);
  }
  put_exact(record, "inputs of unequal sizes", farthest(w.value(), filtered), farthest(filtered, target));
  // Divided by these factors again it is the target: no direction is lost.
  Tensor back = w.value().clone();
  for (std::int64_t i = 0; i < n * n; ++i) {
    const double c = moments[static_cast<std::size_t>(i % n)];
    back.mutable_data<double>()[i] *= (c + lambda) / c;
  }
  put_exact(record, "all of it can be had back", farthest(back, target), farthest(two, target));
}

Plot spectra(const Results& results) {
  Plot plot{
      .title = "Singular values under decay of 0.5", .unit = "value", .x = "singular value of the data", .curves = {}};
  plot.x_axis = {};
  const auto at = [](double k) { return values[static_cast<std::size_t>(k)]; };
  for (const CourseOptions& each :
       {CourseOptions{
            .title = "one matrix", .measured = "value of one matrix", .predicted = "one matrix by formula", .at = at},
        CourseOptions{.title = "product of two",
        .measured = "value of two factors",
        .predicted = "two factors by formula",
        .colour = "var(--c1)",
        .at = at}})
    for (Curve& curve : course(results, each)) plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "rank",
      .title = "Decay and rank",
      .statement = "Decay scales the singular values of one matrix and cuts those of a product off.",
      .answer =
          "Not of one matrix: decay divides each of its singular values by 1 + lambda and loses no direction. Of a "
          "product of two matrices, each under decay, it does: singular values become max(s - lambda, 0), and the "
          "rank is the number of those above lambda.",
      .reference = "Srebro, Rennie & Jaakkola 2004; Galanti et al. 2025 for the rank that noise of batches makes",
      .limits =
          "Matrices of 6 x 6 fitted to given ones without noise. What batches do to the rank of networks is another "
          "mechanism, which it does not measure.",
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims =
          {exact({"1", "decay of one matrix multiplies every singular value by 1 / (1 + lambda)", {"B8"}}, "one matrix",
                 1e-10),
           exact({"2", "inputs of second moment c: by c / (c + lambda)", {"B8"}}, "inputs of unequal sizes", 1e-10),
           within(
               {"3", "decay lowers the rank of one matrix, to the values above lambda", {"B8"}, Verdict::Is::refuted},
               "rank of one matrix", 3, 0.01),
           exact({"4", "no direction of it is lost", {"B8"}}, "all of it can be had back", 1e-8),
           exact({"5", "decay of two factors makes max(s - lambda, 0) of every value of their product", {"B8"}},
                 "two factors", 1e-4),
           within({"6", "its rank is the number of values above lambda", {"B8"}}, "rank of two factors", 3, 0.01)},
      .figures = {{"values", "One matrix keeps every direction; a product of two loses those below lambda.", spectra}}};
}

}  // namespace ebb::studies::rank_study
