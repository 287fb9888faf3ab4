#include "lab/program/ebb_command_line.h"

#include "framework/tensor/printable.h"
#include "lab/program/argument_checks.h"
#include "lab/program/company.h"
#include "lab/program/guarded.h"
#include "lab/program/program_name.h"
#include "lab/program/words.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

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

}  // namespace

EbbCommandLine::EbbCommandLine(const std::shared_ptr<const Extensions>& extensions)
    : blank_(blank_recipe(extensions)),
      app_("Ebb trains small convolutional networks and shows what weight decay does to them."),
      train_(app_.add_subcommand("train", "Trains a model by a recipe")),
      data_(app_),
      resume_(app_.add_subcommand("resume", "Goes on with a run from its newest checkpoint")),
      report_(app_.add_subcommand("report", "Writes the page of a run, or one that compares several")),
      eval_(app_.add_subcommand("eval", "Accuracy, likelihood and calibration of a finished run")),
      audit_(app_.add_subcommand("audit", "Shows what weight decay meets in a network")),
      predicting_(app_, extensions),
      exporting_(app_, extensions),
      importing_(app_, extensions),
      showing_(app_, extensions),
      study_(app_.add_subcommand(study_command, "Runs studies, judges their claims, writes their pages")),
      studying_(*study_),
      training_{.extensions = extensions},
      resuming_{.extensions = extensions},
      evaluating_{.extensions = extensions},
      auditing_{.extensions = extensions} {
  app_.set_version_flag("--version", version());
  app_.require_subcommand(1);
  declare_train();
  declare_resume();
  declare_runs();
  refuse_empty_texts(app_);
}

void EbbCommandLine::declare_train() {
  train_->add_option("what", training_.what, "a built-in recipe, or a recipe in a .toml file")->required();
  for (std::size_t i = 0; i < shorts.size(); ++i)
    train_->add_option(shorts[i].flag, values_[i], help_of(blank_, shorts[i].key));
  train_->add_option("--set", training_.settings, "key=value: sets any key of the recipe; may stand several times");
  train_->add_flag("--diagnose", diagnose_, help_of(blank_, "diagnose"));
  train_->add_flag("--print-recipe", training_.print_recipe, "print the resolved recipe and stop");
  train_->add_flag("--overwrite", training_.overwrite, "replace the run that is in the run directory");
  add_trace(*train_, training_.trace, training_.trace_steps);
  train_->footer([this] { return footer(blank_); });
}

void EbbCommandLine::declare_resume() {
  resume_->add_option("run", resuming_.directory, "the run directory")->required();
  resume_->add_option(
      "--set", resuming_.settings,
      "key=value: threads, prefetch, save_minutes, save_steps, data_dir, tensorboard, overlap, comm_timeout");
  resume_->add_option("--threads", threads_, help_of(blank_, "threads"));
  resume_->add_flag("--allow-change", resuming_.allow_change, "accept other keys, which make it another training");
  add_trace(*resume_, resuming_.trace, resuming_.trace_steps);
  resume_->add_flag("--overwrite", resuming_.overwrite, "replace the file of --trace that is there")->needs("--trace");
}

// What looks at runs.
void EbbCommandLine::declare_runs() {
  report_->add_option("runs", reporting_.runs, "run directories")->required();
  report_->add_option("--out", reporting_.out,
                      "the page; otherwise RUN/report.html, or comparison.html for several runs");
  eval_->add_option("run", evaluating_.directory, "the run directory")->required();
  eval_->add_option("--set", evaluating_.settings, "key=value, for example tta_flip=true");
  audit_->add_option("what", auditing_.what, text("a recipe, as of ", program_name(), " train, or a run directory"))
      ->required();
  audit_->add_option("--set", auditing_.settings, "key=value: sets any key of the recipe; may stand several times");
  audit_->add_option("--json", auditing_.json, "a file that gets all of it as JSON");
  audit_->add_option("--svg", auditing_.svg, "a file that gets the network as a drawing");
  audit_->add_flag("--no-probe{false}", auditing_.probe, "leave out the search and its confirmation in f64");
  for (CLI::App* const command : {resume_, eval_, audit_})
    command->add_option("--data", data_dir_, help_of(blank_, "data_dir") + "; default that of the run or recipe");
}

void EbbCommandLine::take_options() {
  for (std::size_t i = 0; i < shorts.size(); ++i)
    if (!values_[i].empty()) training_.settings.push_back(std::string(shorts[i].key) + '=' + values_[i]);
  if (diagnose_) training_.settings.emplace_back("diagnose=true");
  if (!threads_.empty()) resuming_.settings.push_back("threads=" + threads_);
  if (!data_dir_.empty())
    for (std::vector<std::string>* const settings : {&resuming_.settings, &evaluating_.settings, &auditing_.settings})
      settings->push_back("data_dir=" + data_dir_);
}

int EbbCommandLine::run(int argc, char** argv, const std::vector<Study>& studies) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::string meant = error.get_exit_code() == 0 ? "" : meant_by(app_, argc, argv, blank_);
    if (meant.empty()) return app_.exit(error);
    complain() << printable(in_own_name(meant)) << '\n';
    return error.get_exit_code();
  }
  if (!*train_ && !*resume_) require_no_company(app_.get_subcommands().front()->get_name());
  if (data_.chosen()) return data_.run();
  if (predicting_.chosen()) return predicting_.run();
  if (exporting_.chosen()) return exporting_.run();
  if (importing_.chosen()) return importing_.run();
  if (showing_.chosen()) return showing_.run();
  if (*study_) return studying_.run(studies, {argv[0], study_command, study_worker});
  take_options();
  if (*train_ || *resume_) remedy_for_lack_of_memory("use a smaller batch or model");
  if (*train_) return ebb::run(training_);
  if (*resume_) return ebb::run(resuming_);
  if (*report_) return ebb::run(reporting_);
  if (*audit_) return ebb::run(auditing_);
  return ebb::run(evaluating_);
}

}  // namespace ebb
