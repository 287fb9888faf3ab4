// The program `ebb`.
#include <CLI/CLI.hpp>
#include <array>
#include <csignal>

#include "lab/program/commands.h"
#include "lab/program/data_command_line.h"
#include "lab/program/guarded.h"
#include "lab/program/standard_streams.h"
#include "lab/recipe/recipe.h"
#include "lab/runs/version.h"
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
  std::string section;
  for (const ebb::RecipeKey& known : ebb::recipe_keys()) {
    if (section != known.section) out += std::string(" ").append(section = known.section).append("\n");
    std::string key = known.key;
    key.resize(18, ' ');
    out += "  " + key + known.help + '\n';
  }
  return out;
}

int program(int argc, char** argv) {
  // A file above the limit of `ulimit -f` is an error with a message, as a full disk is, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app{"Ebb trains small convolutional networks and shows what weight decay does to them."};
  app.set_version_flag("--version", ebb::version());
  app.require_subcommand(1);

  ebb::TrainCommand training;
  CLI::App* const train = app.add_subcommand("train", "Trains a model by a recipe");
  train->add_option("what", training.what, "a built-in recipe, or a recipe in a .toml file")->required();
  std::array<std::string, shorts.size()> values;
  for (std::size_t i = 0; i < shorts.size(); ++i) train->add_option(shorts[i].flag, values[i], help_of(shorts[i].key));
  train->add_option("--set", training.settings, "key=value: sets any key of the recipe; may stand several times");
  bool diagnose = false;
  train->add_flag("--diagnose", diagnose, help_of("diagnose"));
  train->add_flag("--print-recipe", training.print_recipe, "print the resolved recipe and stop");
  train->add_flag("--overwrite", training.overwrite, "replace the run that is in the run directory");
  train->footer(footer);
  const ebb::DataCommandLine data(app);

  ebb::ResumeCommand resuming;
  CLI::App* const resume = app.add_subcommand("resume", "Goes on with a run from its newest checkpoint");
  resume->add_option("run", resuming.directory, "the run directory")->required();
  resume->add_option("--set", resuming.settings, "key=value: threads, prefetch, save_minutes, save_steps");
  std::string threads;
  resume->add_option("--threads", threads, help_of("threads"));
  resume->add_flag("--allow-change", resuming.allow_change, "accept other keys, which make it another training");

  ebb::ReportCommand reporting;
  CLI::App* const report = app.add_subcommand("report", "Writes the page of a run, or one that compares several");
  report->add_option("runs", reporting.runs, "run directories")->required();
  report->add_option("--out", reporting.out,
                     "the page; otherwise RUN/report.html, or comparison.html for several runs");

  ebb::EvalCommand evaluating;
  CLI::App* const eval = app.add_subcommand("eval", "Accuracy, likelihood and calibration of a finished run");
  eval->add_option("run", evaluating.directory, "the run directory")->required();
  eval->add_option("--set", evaluating.settings, "key=value, for example tta_flip=true or data_dir=DIR");

  ebb::AuditCommand auditing;
  CLI::App* const audit = app.add_subcommand("audit", "Shows what weight decay meets in a network");
  audit->add_option("what", auditing.what, "a recipe, as of ebb train, or a run directory")->required();
  audit->add_option("--set", auditing.settings, "key=value: sets any key of the recipe; may stand several times");
  audit->add_option("--json", auditing.json, "a file that gets all of it as JSON");
  audit->add_option("--svg", auditing.svg, "a file that gets the network as a drawing");
  audit->add_flag("--no-probe{false}", auditing.probe, "leave out the search and its confirmation in f64");

  CLI11_PARSE(app, argc, argv);
  if (data.chosen()) return data.run();
  for (std::size_t i = 0; i < shorts.size(); ++i)
    if (!values[i].empty()) training.settings.push_back(std::string(shorts[i].key) + '=' + values[i]);
  if (diagnose) training.settings.emplace_back("diagnose=true");
  if (!threads.empty()) resuming.settings.push_back("threads=" + threads);
  if (*train) return ebb::run(training);
  if (*resume) return ebb::run(resuming);
  if (*report) return ebb::run(reporting);
  if (*audit) return ebb::run(auditing);
  return ebb::run(evaluating);
}

}  // namespace

int main(int argc, char** argv) {
  ebb::prepare_standard_streams();
  return ebb::after_output(ebb::guarded(program, argc, argv));
}
