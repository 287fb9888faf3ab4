#include "framework/nn/summary.h"

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <set>

#include "framework/autograd/observing.h"
#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"

namespace ebb {
namespace {

// Looks on while the model runs.
class Watch : public detail::CallObserver {
 public:
  explicit Watch(Layer& model, const Tensor& input) {
    for (const NamedModule& m : model.named_modules()) paths_.emplace(m.module, m.path);
    for (const NamedParameter& p : model.named_parameters()) own_[p.module] += p.parameter->value().size();
    results_.push_back(input);
  }

  void enter(Layer& layer, const Var&) override {
    SummaryRow row;
    const auto path = paths_.find(&layer);
    row.path = path == paths_.end() ? "?" : path->second;
    row.type = layer.type();
    row.depth = static_cast<int>(open_.size());
    if (called_.insert(&layer).second) row.parameters = own_[&layer];
    open_.push_back(rows.size());
    rows.push_back(std::move(row));
  }

  void leave(Layer& layer, const Var& x, const Var& y) override {
    SummaryRow& row = rows[open_.back()];
    open_.pop_back();
    row.settings = layer.describe();
    row.output = y.shape();
    row.multiply_adds = layer.multiply_adds(x.shape(), y.shape());
    if (std::ranges::any_of(results_, [&](const Tensor& seen) { return seen.shares(y.value()); })) return;
    results_.push_back(y.value());
    row.activation_bytes = static_cast<std::int64_t>(y.value().bytes().size());
  }

  std::vector<SummaryRow> rows;

 private:
  detail::Observing<detail::CallObserver> observing_{detail::call_observer, this};
  std::map<const Module*, std::string> paths_;
  std::map<const Module*, std::int64_t> own_;
  std::set<const Module*> called_;
  std::vector<std::size_t> open_;  // rows of the calls that run
  std::vector<Tensor> results_;    // kept, so that two results never share a block of the pool
};

}  // namespace

Summary summary(Layer& model, const Shape& input) {
  const std::vector<Parameter*> parameters = model.parameters();
  return summary(model, input, parameters.empty() ? DType::f32 : parameters.front()->value().dtype());
}

Summary summary(Layer& model, const Shape& input, DType dtype) {
  const Tape::Pause pause;
  const EvalMode eval(model);
  const Tensor x = Tensor::zeros(input, dtype);
  Watch watch(model, x);
  model(x);
  Summary result;
  result.rows = std::move(watch.rows);
  for (const SummaryRow& row : result.rows) {
    result.multiply_adds += row.multiply_adds;
    result.activation_bytes += row.activation_bytes;
  }
  for (const Parameter* parameter : model.parameters()) {
    result.parameters += parameter->value().size();
    if (parameter->frozen()) result.frozen += parameter->value().size();
  }
  return result;
}

std::string Summary::text() const {
  using Line = std::array<std::string, 6>;
  std::vector<Line> lines{{"layer", "type", "output", "parameters", "multiply-adds", "activations"}};
  for (const SummaryRow& row : rows) {
    const std::string name = row.path.empty() ? "(model)" : row.path;
    lines.push_back({std::string(static_cast<std::size_t>(2 * row.depth), ' ') + name,
                     row.settings.empty() ? row.type : ebb::text(row.type, ' ', row.settings), ebb::text(row.output),
                     row.parameters == 0 ? "" : grouped(row.parameters),
                     row.multiply_adds == 0 ? "" : grouped(row.multiply_adds),
                     row.activation_bytes == 0 ? "" : bytes_text(row.activation_bytes)});
  }
  lines.push_back({"total", "", "", grouped(parameters), grouped(multiply_adds), bytes_text(activation_bytes)});
  std::array<std::size_t, 6> widths{};
  for (const Line& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string out;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string space(widths[i] - line[i].size(), ' ');
      row += (i == 0 ? "" : "  ") + (i < 3 ? line[i] + space : space + line[i]);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + '\n';
  }
  if (frozen > 0) out += ebb::text(grouped(frozen), " parameters are frozen\n");
  return out;
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) { return out << summary.text(); }

}  // namespace ebb
