#include "lab/program/model_arguments.h"

namespace ebb {
namespace {

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    out.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

void ModelArguments::add_to(CLI::App& command) {
  command.add_option("network", path_, "a run directory, or a model.safetensors")->required();
  add_facts_to(command);
}

void ModelArguments::add_facts_to(CLI::App& command) {
  command.add_option("--model", name_, "name of the model, where the file does not say it");
  command.add_option("--set", settings_, "key=value: a model's key of a recipe, as norm=group");
  command.add_option("--image", image_, "height x width x channels that it takes, as 28x28x1");
  command.add_option("--classes", classes_, "names of its classes, in order, with commas between them");
}

void ModelArguments::take(PredictorOptions& options) const {
  options.settings = settings_;
  if (!name_.empty()) options.settings.insert(options.settings.begin(), "model=" + name_);
  options.image = image_;
  if (!classes_.empty()) options.classes = parts_of(classes_);
}

}  // namespace ebb
