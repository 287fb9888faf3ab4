#include "lab/program/words.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/recipe/recipe.h"

namespace ebb {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The words between the program and the options of a command, each with a space behind it.
std::string path_of(const CLI::App& command) {
  std::string path;
  for (const CLI::App* app = &command; app->get_parent() != nullptr; app = app->get_parent())
    path = app->get_name() + ' ' + path;
  return path;
}

std::string wrong_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* const command : commands_of(app)) known.push_back(command->get_name());
  return text("no command is called ", in_quotes(word), "; ", suggestion(word, known, recipe_synonyms()));
}

// Options by their long names, and keys of recipes where the command can set them.
std::string wrong_option(const CLI::App& command, const std::string& word, const Recipe& recipe) {
  std::vector<std::string> known;
  for (const CLI::Option* const option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back(name);
  const auto is_option = [options = known](const std::string& name) {
    return std::ranges::find(options, name) != options.end();
  };
  if (is_option("set")) {
    std::erase(known, "data");  // the key of that name is another thing
    for (const RecipeKey& key : recipe_keys(recipe))
      if (!is_option(key.key)) known.emplace_back(key.key);
    if (is_option("data")) known.emplace_back("data");
  }
  std::string meant;
  for (const std::string& name : meant_names(word, known, recipe_synonyms()))
    meant += text(meant.empty() ? "did you mean " : " or ", name == "data_dir" && is_option("data") ? "--data"
                                                            : name == "data"                        ? "--set data=..."
                                                            : is_option(name)                       ? "--" + name
                                                                              : "--set " + name + "=...");
  const std::string path = path_of(command);
  return text("`ebb ", path.substr(0, path.size() - 1), "` has no option ", in_quotes("--" + word), "; ",
              meant.empty() ? text("see `ebb ", path, "--help`") : meant + '?');
}

}  // namespace

std::string meant_by(const CLI::App& program, int argc, const char* const* argv, const Recipe& recipe) {
  const CLI::App* app = &program;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("-")) {
      const std::vector<const CLI::App*> commands = commands_of(*app);
      if (commands.empty()) continue;
      const CLI::App* chosen = nullptr;
      for (const CLI::App* const command : commands)
        if (command->get_name() == word) chosen = command;
      if (chosen == nullptr) return wrong_command(*app, word);
      app = chosen;
    } else if (word.starts_with("--") && word.size() > 2) {
      const std::string name = word.substr(2, word.find('=') == std::string::npos ? word.npos : word.find('=') - 2);
      bool known = false;
      for (const CLI::Option* const option : app->get_options())
        for (const std::string& each : option->get_lnames()) known = known || each == name;
      if (!known) return wrong_option(*app, name, recipe);
    }
  }
  if (commands_of(*app).empty()) return {};
  std::string known;
  for (const CLI::App* const command : commands_of(*app)) known += text(known.empty() ? "" : ", ", command->get_name());
  return text("a command is missing; there are: ", known, "; see `ebb ", path_of(*app), "--help`");
}

}  // namespace ebb
