#include "lab/program/ebb_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <iostream>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/argument_checks.h"
#include "lab/program/commands.h"
#include "lab/program/data_command_line.h"
#include "lab/program/end_signal.h"
#include "lab/program/export_command.h"
#include "lab/program/guarded.h"
#include "lab/program/import_command.h"
#include "lab/program/predict_command_line.h"
#include "lab/program/program_name.h"
#include "lab/program/show_command_line.h"
#include "lab/program/standard_streams.h"
#include "lab/program/study_command_line.h"
#include "lab/program/words.h"
#include "lab/recipe/recipe.h"
#include "lab/runs/version.h"
#include "lab/studies/studies.h"

namespace ebb {
namespace {

constexpr const char* study_command = "study";

// Options that are short forms of --set.
struct Short {
  const char* flag;
  const char* key;
};
constexpr std::array shorts = {Short{"--model", "model"},   Short{"--epochs", "epochs"}, Short{"--lr", "lr"},
                               Short{"--batch", "batch"},   Short{"--seed", "seed"},     Short{"--threads", "threads"},
                               Short{"--data", "data_dir"}, Short{"--test", "test"},     Short{"--out", "out"}};

std::string help_of(const Recipe& recipe, const std::string& key) {
  for (const RecipeKey& known : recipe_keys(recipe))
    if (key == known.key) return known.help.substr(0, known.help.find(": "));  // the list of names stands below
  return {};
}

// "  lr                learning rate [0.02]"
std::string key_line(const RecipeKey& known) {
  std::string key = known.key;
  key.resize(18, ' ');
  return "  " + key + known.help + " [" + (known.initial.empty() ? "none" : known.initial) + "]\n";
}

std::string footer(const Recipe& recipe) {
  std::string out = "Recipes: ";
  for (const std::string& name : recipe_names()) out += name + ' ';
  out += "\nKeys of --set [and what they are in a recipe that says nothing]:\n";
  std::string section;
  for (const RecipeKey& known : recipe_keys(recipe)) {
    if (section != known.section) out += std::string(" ").append(section = known.section).append("\n");
    out += key_line(known);
  }
  out += " a group, in [[groups]] of a recipe file\n";
  for (const RecipeKey& known : group_keys(recipe)) out += key_line(known);
  return out;
}

void add_trace(CLI::App& command, std::string& file, std::int64_t& steps) {
  command.add_option("--trace", file, "a file that gets what the first steps spend their time on, for Chrome");
  command.add_option("--trace-steps", steps, "how many steps [20]")->check(whole_number(1, 1000));
}

int program(int argc, char** argv, const std::shared_ptr<const Extensions>& extensions,
            const std::vector<Study>& studies) {
  const Recipe blank = blank_recipe(extensions);
  const auto help = [&](const char* key) { return help_of(blank, key); };
  // A file above the limit of `ulimit -f` is an error with a message, as a full disk is, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.size() > 1 && arguments[0] == study_command &&
      is_study_worker({arguments.begin() + 1, arguments.end()}))
    return serve_study(studies, {arguments.begin() + 2, arguments.end()});
  CLI::App app{"Ebb trains small convolutional networks and shows what weight decay does to them."};
  app.set_version_flag("--version", version());
  app.require_subcommand(1);

  TrainCommand training{.extensions = extensions};
  CLI::App* const train = app.add_subcommand("train", "Trains a model by a recipe");
  train->add_option("what", training.what, "a built-in recipe, or a recipe in a .toml file")->required();
  std::array<std::string, shorts.size()> values;
  for (std::size_t i = 0; i < shorts.size(); ++i) train->add_option(shorts[i].flag, values[i], help(shorts[i].key));
  train->add_option("--set", training.settings, "key=value: sets any key of the recipe; may stand several times");
  bool diagnose = false;
  train->add_flag("--diagnose", diagnose, help("diagnose"));
  train->add_flag("--print-recipe", training.print_recipe, "print the resolved recipe and stop");
  train->add_flag("--overwrite", training.overwrite, "replace the run that is in the run directory");
  add_trace(*train, training.trace, training.trace_steps);
  train->footer([&] { return footer(blank); });
  DataCommandLine data(app);

  ResumeCommand resuming{.extensions = extensions};
  CLI::App* const resume = app.add_subcommand("resume", "Goes on with a run from its newest checkpoint");
  resume->add_option("run", resuming.directory, "the run directory")->required();
  resume->add_option("--set", resuming.settings,
                     "key=value: threads, prefetch, save_minutes, save_steps, data_dir, tensorboard");
  std::string threads, data_dir;
  resume->add_option("--threads", threads, help("threads"));
  resume->add_flag("--allow-change", resuming.allow_change, "accept other keys, which make it another training");
  add_trace(*resume, resuming.trace, resuming.trace_steps);
  resume->add_flag("--overwrite", resuming.overwrite, "replace the file of --trace that is there")->needs("--trace");

  ReportCommand reporting;
  CLI::App* const report = app.add_subcommand("report", "Writes the page of a run, or one that compares several");
  report->add_option("runs", reporting.runs, "run directories")->required();
  report->add_option("--out", reporting.out,
                     "the page; otherwise RUN/report.html, or comparison.html for several runs");

  EvalCommand evaluating{.extensions = extensions};
  CLI::App* const eval = app.add_subcommand("eval", "Accuracy, likelihood and calibration of a finished run");
  eval->add_option("run", evaluating.directory, "the run directory")->required();
  eval->add_option("--set", evaluating.settings, "key=value, for example tta_flip=true");

  AuditCommand auditing{.extensions = extensions};
  CLI::App* const audit = app.add_subcommand("audit", "Shows what weight decay meets in a network");
  audit->add_option("what", auditing.what, text("a recipe, as of ", program_name(), " train, or a run directory"))
      ->required();
  audit->add_option("--set", auditing.settings, "key=value: sets any key of the recipe; may stand several times");
  audit->add_option("--json", auditing.json, "a file that gets all of it as JSON");
  audit->add_option("--svg", auditing.svg, "a file that gets the network as a drawing");
  audit->add_flag("--no-probe{false}", auditing.probe, "leave out the search and its confirmation in f64");

  PredictCommandLine predicting(app, extensions);
  ExportCommandLine exporting(app, extensions);
  ImportCommandLine importing(app, extensions);
  ShowCommandLine showing(app, extensions);

  CLI::App* const studying = app.add_subcommand(study_command, "Runs studies, judges their claims, writes their pages");
  const StudyCommandLine study(*studying);

  for (CLI::App* const command : {resume, eval, audit})
    command->add_option("--data", data_dir, help("data_dir") + "; default that of the run or recipe");

  refuse_empty_texts(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::string meant = error.get_exit_code() == 0 ? "" : meant_by(app, argc, argv, blank);
    if (meant.empty()) return app.exit(error);
    complain() << printable(in_own_name(meant)) << '\n';
    return error.get_exit_code();
  }
  if (data.chosen()) return data.run();
  if (predicting.chosen()) return predicting.run();
  if (exporting.chosen()) return exporting.run();
  if (importing.chosen()) return importing.run();
  if (showing.chosen()) return showing.run();
  if (*studying) return study.run(studies, {argv[0], study_command, study_worker});
  for (std::size_t i = 0; i < shorts.size(); ++i)
    if (!values[i].empty()) training.settings.push_back(std::string(shorts[i].key) + '=' + values[i]);
  if (diagnose) training.settings.emplace_back("diagnose=true");
  if (!threads.empty()) resuming.settings.push_back("threads=" + threads);
  if (!data_dir.empty())
    for (std::vector<std::string>* const settings : {&resuming.settings, &evaluating.settings, &auditing.settings})
      settings->push_back("data_dir=" + data_dir);
  if (*train || *resume) remedy_for_lack_of_memory("use a smaller batch or model");
  if (*train) return run(training);
  if (*resume) return run(resuming);
  if (*report) return run(reporting);
  if (*audit) return run(auditing);
  return run(evaluating);
}

}  // namespace

int ebb_main(int argc, char** argv, const Extensions& extensions, const std::vector<Study>& studies) {
  prepare_standard_streams();
  take_temporaries_along();
  name_program(argc, argv);
  return after_output(guarded([&] {
    std::vector<Study> all = built_in_studies();
    for (const Study& study : studies) {
      require_sound(study);
      if (std::ranges::any_of(all, [&](const Study& other) { return other.name == study.name; }))
        fail(text("study ", in_quotes(study.name)), "a name of Ebb's, or one that is given twice", "another name");
      all.push_back(study);
    }
    return program(argc, argv, checked(extensions), all);
  }));
}

}  // namespace ebb
