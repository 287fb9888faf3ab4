#include "lab/export/torch_training.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/io/safetensors.h"
#include "framework/nn/export_torch.h"
#include "framework/nn/import_torch.h"
#include "framework/nn/torch_places.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// The name of a tensor of an optimizer's state, here and there.
struct Row {
  std::string_view optimizer, ours, theirs;
};

constexpr std::array table{Row{"sgd", "momentum", "momentum_buffer"},
                           Row{"sgdw", "momentum", "momentum_buffer"},
                           Row{"adam", "first_moment", "exp_avg"},
                           Row{"adam", "second_moment", "exp_avg_sq"},
                           Row{"adam", "largest_second_moment", "max_exp_avg_sq"},
                           Row{"adamw", "first_moment", "exp_avg"},
                           Row{"adamw", "second_moment", "exp_avg_sq"},
                           Row{"adamw", "largest_second_moment", "max_exp_avg_sq"},
                           Row{"nadam", "first_moment", "exp_avg"},
                           Row{"nadam", "second_moment", "exp_avg_sq"},
                           Row{"radam", "first_moment", "exp_avg"},
                           Row{"radam", "second_moment", "exp_avg_sq"},
                           Row{"rmsprop", "second_moment", "square_avg"},
                           Row{"rmsprop", "first_moment", "grad_avg"},
                           Row{"rmsprop", "momentum", "momentum_buffer"},
                           Row{"adagrad", "sum_of_squares", "sum"},
                           Row{"adadelta", "second_moment", "square_avg"},
                           Row{"adadelta", "update_moment", "acc_delta"}};
constexpr std::string_view step = "step", mu_product = "mu_product";

// The rows of an optimizer; none where PyTorch has no such one.
std::vector<Row> rows_of(const OptimizerState& saved) {
  const auto name = saved.metadata.find("optimizer");
  std::vector<Row> out;
  for (const Row& row : table)
    if (name != saved.metadata.end() && row.optimizer == name->second) out.push_back(row);
  if (out.empty())
    fail("optimizer state", name == saved.metadata.end() ? "no name" : text('"', name->second, '"'),
         "an optimizer that PyTorch has: sgd, adam, adamw, nadam, radam, rmsprop, adagrad or adadelta",
         "export the weights alone");
  return out;
}

// A parameter's path, and how PyTorch has it.
struct Place {
  std::string path;
  detail::TorchPlace torch;

  const std::string& name() const { return torch.names.front(); }

  // A tensor of the parameter's shape, there and back.
  Tensor to_torch(Tensor ours) const {
    detail::TorchPlace other = torch;
    other.tensor = &ours;
    return other.to_torch();
  }
  Tensor from_torch(const Tensor& stored, const std::string& key, std::string_view where) const {
    if (!stored.defined() || stored.shape() != torch.torch_shape() || !is_float(stored.dtype()))
      fail(where, text(key, " of shape ", stored.shape(), ' ', stored.dtype()), text("numbers ", torch.torch_shape()));
    return torch.from_torch(stored);
  }
};

std::vector<Place> places_of(Module& model, std::string_view where) {
  const std::vector<detail::TorchPlace> all = detail::torch_places(model, where);
  std::vector<Place> out;
  for (const NamedParameter& p : model.named_parameters())
    for (const detail::TorchPlace& place : all)
      if (place.tensor == &p.parameter->value()) out.push_back({p.path, place});
  return out;
}

// Whether a name is that of an optimizer's tensor for one of the parameters.
bool of_optimizer(const std::string& name, const std::set<std::string>& parameters) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || !parameters.contains(name.substr(0, dot))) return false;
  const std::string_view what = std::string_view(name).substr(dot + 1);
  return what == step || what == mu_product || std::ranges::find(table, what, &Row::theirs) != table.end();
}

// The only number of a tensor, in a range.
double number(const State& state, const std::string& key, double low, double high, std::string_view where) {
  const Tensor& value = state.at(key);
  const double out = value.defined() && value.size() == 1 ? value.item() : std::nan("");
  if (!(out >= low && out <= high))
    fail(where, text(key, " = ", out), text("one number from ", low, " to ", high), "the file is damaged");
  return out;
}

// What belongs to one parameter, into the state that the optimizer takes. \returns its number of updates.
std::int64_t take(const Place& place, const State& state, const std::vector<Row>& rows, std::string_view where,
                  OptimizerState& into) {
  constexpr double most_steps = 1e15;
  const std::string updates = place.path + "/updates";
  const auto old = into.tensors.find(updates);
  const std::int64_t before = old == into.tensors.end() ? 0 : old->second.data<std::int64_t>()[0];
  bool begun = false;
  for (const Row& row : rows) {
    const std::string key = text(place.name(), '.', row.theirs);
    const std::string ours = text(place.path, '/', row.ours);
    into.tensors.erase(ours);
    if (!state.contains(key)) continue;
    into.tensors[ours] = place.from_torch(state.at(key), key, where);
    begun = true;
  }
  into.tensors.erase(updates);
  into.tensors.erase(place.path + "/product");
  std::int64_t count = begun ? std::max<std::int64_t>(before, 1) : 0;
  if (const std::string key = text(place.name(), '.', step); state.contains(key))
    count = static_cast<std::int64_t>(number(state, key, 0, most_steps, where));
  if (const std::string key = text(place.name(), '.', mu_product); state.contains(key))
    into.tensors[place.path + "/product"] = Tensor::scalar(number(state, key, 0, 1, where), DType::f64);
  if (begun || count > 0) into.tensors[updates] = Tensor::from({count}, {});
  return count;
}

}  // namespace

State torch_training(Module& model, const OptimizerState& saved) {
  const std::vector<Row> rows = rows_of(saved);
  State out = torch_state(model);
  const Tape::Pause pause;
  const auto put = [&](const std::string& name, Tensor value) {
    if (!out.emplace(name, std::move(value)).second)
      fail("export_torch", text("a tensor called ", name), "another name for it");
  };
  for (const Place& place : places_of(model, "export_torch")) {
    const auto found = [&](std::string_view what) {
      const auto at = saved.tensors.find(text(place.path, '/', what));
      return at == saved.tensors.end() ? Tensor() : at->second;
    };
    for (const Row& row : rows)
      if (const Tensor value = found(row.ours); value.defined())
        put(text(place.name(), '.', row.theirs), place.to_torch(value));
    if (const Tensor updates = found("updates"); updates.defined())
      put(text(place.name(), '.', step), Tensor::scalar(updates.item(), DType::f64));
    if (const Tensor product = found("product"); product.defined())
      put(text(place.name(), '.', mu_product), product.clone());
  }
  return out;
}

void export_torch_training(Module& model, const OptimizerState& saved, const std::filesystem::path& file,
                           const std::map<std::string, std::string>& metadata, Existing existing) {
  save_torch(file, torch_training(model, saved), metadata, existing);
}

void import_torch_training(Module& model, Optimizer& optimizer, const State& state, std::string_view where) {
  OptimizerState saved = optimizer.save_state();
  const std::vector<Row> rows = rows_of(saved);
  std::int64_t steps = 0;
  {
    const Tape::Pause pause;
    for (const Place& place : places_of(model, where)) steps = std::max(steps, take(place, state, rows, where, saved));
  }
  if (steps > 0) saved.metadata["step"] = text(steps);
  optimizer.check_state(saved);
  import_torch(model, without_optimizer(model, state), where);
  optimizer.load_state(saved);
}

void import_torch_training(Module& model, Optimizer& optimizer, const std::filesystem::path& file) {
  import_torch_training(model, optimizer, load_safetensors(file).tensors, file.string());
}

State without_optimizer(Module& model, const State& state) {
  std::set<std::string> parameters;
  for (const Place& place : places_of(model, "import_torch"))
    parameters.insert(place.torch.names.begin(), place.torch.names.end());
  State out;
  for (const auto& entry : state)
    if (!of_optimizer(entry.first, parameters)) out.insert(entry);
  return out;
}

}  // namespace ebb
