#include "lab/study/along.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"

namespace ebb {
namespace {

// Calls f(parameter, number, power) for all numbers of parameters that a unit of a symmetry changes.
template <class F>
void for_each_number(Module& net, const Symmetry& s, const Symmetry::Unit& unit, const F& f) {
  const std::vector<NamedParameter> parameters = net.named_parameters();
  for (std::size_t i = 0; i < s.parts.size(); ++i) {
    const Parameter& p = *parameters.at(static_cast<std::size_t>(s.parts[i].parameter)).parameter;
    const std::int64_t columns = p.shape().rank() == 0 ? 1 : p.shape()[-1],
                       rows = p.shape().rank() < 2 ? 1 : p.shape()[-2];
    for (std::int64_t k = 0; k < p.shape().size(); ++k) {
      const std::int64_t channel = s.parts[i].rows ? k / columns % rows : k % columns;
      if (unit[i].empty() || std::ranges::find(unit[i], channel) != unit[i].end()) f(p, k, s.parts[i].power);
    }
  }
}

double number(const Tensor& t, std::int64_t k) { return t.data<double>()[k]; }

}  // namespace

Along along_symmetries(Layer& net, const workloads::Batch& batch) {
  const Audit found = audit(net, batch.x, batch.labels);
  workloads::gradients(net, batch);
  Along out{.symmetries = static_cast<double>(found.symmetries.size())};
  double all = 0;
  for (const Parameter* const p : net.parameters()) all += sum_abs(p->grad());
  for (const AuditedSymmetry& s : found.symmetries) {
    const bool shift = s.symmetry.kind == Symmetry::Kind::shift;
    if (found.problems.empty() && s.probe->confirmed && (shift || s.probe->exact)) out.confirmed += 1;
    for (const Symmetry::Unit& unit : s.symmetry.units) {
      double sum = 0, size = 0;
      for_each_number(net, s.symmetry, unit, [&](const Parameter& p, std::int64_t k, double power) {
        const double term = number(p.grad(), k) * (shift ? 1 : power * number(p.value(), k));
        sum += term;
        size += std::abs(term);
      });
      double& worst = shift ? out.shifts : out.scalings;
      worst = std::max(worst, std::abs(sum) / (shift ? all : size));
    }
  }
  return out;
}

std::vector<double> tracers_of(Layer& net, const Audit& found) {
  std::vector<double> out;
  for (const AuditedSymmetry& s : found.symmetries)
    if (s.symmetry.kind == Symmetry::Kind::shift)
      for (const Symmetry::Unit& unit : s.symmetry.units) {
        double& sum = out.emplace_back(0);
        for_each_number(net, s.symmetry, unit,
                        [&](const Parameter& p, std::int64_t k, double) { sum += number(p.value(), k); });
      }
  return out;
}

}  // namespace ebb
