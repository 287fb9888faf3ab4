// The program `ebb`.
#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <exception>
#include <iostream>

#include "framework/tensor/error.h"
#include "lab/data_command_line.h"
#include "lab/recipe.h"
#include "lab/train_command.h"
#include "models/registry.h"

namespace {

// Options that are short forms of --set.
struct Short {
  const char* flag;
  const char* key;
};
constexpr std::array shorts = {Short{"--model", "model"},   Short{"--epochs", "epochs"}, Short{"--lr", "lr"},
                               Short{"--batch", "batch"},   Short{"--seed", "seed"},     Short{"--threads", "threads"},
                               Short{"--data", "data_dir"}, Short{"--out", "out"}};

std::string help_of(const std::string& key) {
  for (const ebb::RecipeKey& known : ebb::recipe_keys())
    if (key == known.key) return known.help;
  return {};
}

std::string footer() {
  std::string out = "Recipes: ";
  for (const std::string& name : ebb::recipe_names()) out += name + ' ';
  out += "\nModels: ";
  for (const std::string& name : ebb::model_names()) out += name + ' ';
  out += "\nKeys of --set:\n";
  for (const ebb::RecipeKey& known : ebb::recipe_keys()) {
    std::string key = known.key;
    key.resize(18, ' ');
    out += "  " + key + known.help + '\n';
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  // A file above the limit of `ulimit -f` is an error with a message, as a full disk is, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app{"Ebb trains small convolutional networks and shows what weight decay does to them."};
  app.set_version_flag("--version", EBB_VERSION);
  app.require_subcommand(1);

  ebb::TrainCommand command;
  CLI::App* const train = app.add_subcommand("train", "Trains a model by a recipe");
  train->add_option("what", command.what, "a built-in recipe, or a recipe in a .toml file")->required();
  std::array<std::string, shorts.size()> values;
  for (std::size_t i = 0; i < shorts.size(); ++i) train->add_option(shorts[i].flag, values[i], help_of(shorts[i].key));
  train->add_option("--set", command.settings, "key=value: sets any key of the recipe; may stand several times");
  train->add_flag("--print-recipe", command.print_recipe, "print the resolved recipe and stop");
  train->footer(footer);
  const ebb::DataCommandLine data(app);

  CLI11_PARSE(app, argc, argv);
  try {
    if (data.chosen()) return data.run();
    for (std::size_t i = 0; i < shorts.size(); ++i)
      if (!values[i].empty()) command.settings.push_back(std::string(shorts[i].key) + '=' + values[i]);
    ebb::run(command);
    return 0;
  } catch (const ebb::Error& error) {
    std::cerr << "ebb: " << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "ebb: " << error.what() << '\n';
  }
  return 1;
}
