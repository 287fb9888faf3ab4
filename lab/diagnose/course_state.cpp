// The state of a diagnosis in the checkpoints of its training.
#include <cmath>
#include <span>

#include "framework/tensor/error.h"
#include "lab/diagnose/course.h"

namespace ebb::detail {
namespace {

constexpr const char* prefix = "observer/diagnostics/";
constexpr const char* key = "observer/diagnostics";
constexpr const char* format = "1";
constexpr double most_steps = 1e15;
constexpr const char* where = "state of the diagnosis";
constexpr const char* remedy = "go on from an older checkpoint, or without diagnose";

using Numbers = std::vector<double>;

Tensor tensor_of(const Numbers& values) {
  return Tensor::from<double>(std::span<const double>(values), {static_cast<std::int64_t>(values.size())});
}

std::string named(const char* what, std::size_t number) { return text(prefix, what, '/', number); }

// The tensor of that name; undefined where there is none.
Tensor find(const TrainState& state, const std::string& name) {
  const auto at = state.tensors.find(name);
  return at == state.tensors.end() ? Tensor() : at->second;
}

Numbers numbers(const TrainState& state, const std::string& name, std::size_t count) {
  const Tensor t = find(state, name);
  if (!t.defined() || t.dtype() != DType::f64 || t.size() != static_cast<std::int64_t>(count))
    fail(where, t.defined() ? text(name, ' ', t.shape(), ' ', t.dtype()) : text("no ", name), text(count, " f64"),
         remedy);
  return {t.data<double>(), t.data<double>() + count};
}

// A whole number from 0 to `most` that was saved as a double.
std::size_t whole(double value, double most, const char* what) {
  if (!(value >= 0 && value <= most) || value != std::floor(value))
    fail(where, text(what, " = ", value), text("a whole number from 0 to ", most), remedy);
  return static_cast<std::size_t>(value);
}

constexpr std::size_t step_numbers = 9;

Numbers numbers_of(const Step& s) {
  return {s.context.lr,   s.context.lambda, s.terms.l2_gradient, s.terms.l1_gradient,         s.terms.l2_update,
          s.terms.shrink, s.terms.divide,   s.terms.threshold,   s.terms.cautious ? 1.0 : 0.0};
}

Step step_from(std::span<const double> n) {
  Step s;
  s.context.lr = n[0];
  s.context.lambda = n[1];
  s.terms = {.l2_gradient = n[2],
             .l1_gradient = n[3],
             .l2_update = n[4],
             .shrink = n[5],
             .divide = n[6],
             .threshold = n[7],
             .cautious = n[8] == 1};
  return s;
}

}  // namespace

void Course::save(TrainState& into) const {
  into.metadata[key] = format;
  const auto put = [&](const std::string& name, const Numbers& values) { into.tensors[name] = tensor_of(values); };
  const std::vector<DiagnosisColumn>& columns = diagnosis_columns();
  if (!rows.empty()) {
    Numbers table;
    table.reserve(rows.size() * (columns.size() + 1));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      table.push_back(static_cast<double>(row_parameter[i]));
      for (const DiagnosisColumn& c : columns) table.push_back(c.get(rows[i]));
    }
    put(text(prefix, "rows"), table);
  }
  Numbers groups;
  for (std::size_t g = 0; g < decays.size(); ++g) {
    groups.push_back(decays[g].weight);
    groups.push_back(decays[g].buffer);
    const Numbers step = numbers_of(steps[g]);
    groups.insert(groups.end(), step.begin(), step.end());
  }
  put(text(prefix, "groups"), groups);
  put(text(prefix, "course"), {static_cast<double>(next_step), static_cast<double>(first_step)});
  if (!start.empty()) put(text(prefix, "start"), start);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Watched& w = all[i];
    Numbers open = w.window.channels;
    for (const double v : {w.window.steps, w.window.lags, w.window.taken, w.window.added}) open.push_back(v);
    put(named("window", i), open);
    // A gradient is wanted again when the next step is measured too.
    if (w.previous_step < 0 || w.previous_step + 1 != next_step || !measures(next_step)) continue;
    into.tensors[named("previous", i)] = w.previous.clone();
    put(named("previous_squares", i), w.previous_squares);
  }
}

void Course::load(const TrainState& from) {
  const auto at = from.metadata.find(key);
  if (at == from.metadata.end()) return begin();  // the training began without a diagnosis
  if (at->second != format) fail(where, text("format ", at->second.substr(0, 40)), text("format ", format), remedy);

  // All of it is read before anything changes.
  const Numbers place = numbers(from, text(prefix, "course"), 2);
  const std::size_t next = whole(place[0], most_steps, "next step"), first = whole(place[1], place[0], "first step");
  std::vector<DiagnosisRow> table;
  std::vector<std::size_t> of;
  const std::vector<DiagnosisColumn>& columns = diagnosis_columns();
  if (const Tensor t = find(from, text(prefix, "rows")); t.defined()) {
    const std::size_t width = columns.size() + 1;
    const Numbers n = numbers(from, text(prefix, "rows"), static_cast<std::size_t>(t.size()) / width * width);
    for (std::size_t i = 0; i < n.size(); i += width) {
      of.push_back(whole(n[i], static_cast<double>(all.size()) - 1, "parameter"));
      DiagnosisRow row = all[of.back()].named(optimizer);
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c].set(row, n[i + c + 1]);
      table.push_back(std::move(row));
    }
  }
  const Numbers groups = numbers(from, text(prefix, "groups"), decays.size() * (step_numbers + 2));
  Numbers begun;
  if (find(from, text(prefix, "start")).defined()) begun = numbers(from, text(prefix, "start"), all.size());
  std::vector<Window> windows(all.size());
  std::vector<Tensor> gradients(all.size());
  std::vector<Numbers> squares(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t count = sums * all[i].units();
    Numbers n = numbers(from, named("window", i), count + 4);
    windows[i] = {
        .channels = {}, .steps = n[count], .lags = n[count + 1], .taken = n[count + 2], .added = n[count + 3]};
    n.resize(count);
    windows[i].channels = std::move(n);
    gradients[i] = find(from, named("previous", i));
    if (!gradients[i].defined()) continue;
    const Tensor& w = all[i].parameter().value();
    if (!(gradients[i].shape() == w.shape()) || gradients[i].dtype() != w.dtype())
      fail(where, text(named("previous", i), ' ', gradients[i].shape(), ' ', gradients[i].dtype()),
           text(w.shape(), ' ', w.dtype()), remedy);
    gradients[i] = gradients[i].clone();
    squares[i] = numbers(from, named("previous_squares", i), all[i].units());
  }

  next_step = static_cast<std::int64_t>(next);
  first_step = static_cast<std::int64_t>(first);
  rows = std::move(table);
  row_parameter = std::move(of);
  start = std::move(begun);
  for (std::size_t g = 0; g < decays.size(); ++g) {
    const std::span<const double> n(groups.data() + g * (step_numbers + 2), step_numbers + 2);
    decays[g] = {.weight = n[0], .buffer = n[1]};
    steps[g] = step_from(n.subspan(2));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].window = std::move(windows[i]);
    all[i].previous_step = gradients[i].defined() ? next_step - 1 : -1;
    if (gradients[i].defined()) {
      all[i].previous = std::move(gradients[i]);
      all[i].previous_squares = std::move(squares[i]);
    }
  }
}

}  // namespace ebb::detail
