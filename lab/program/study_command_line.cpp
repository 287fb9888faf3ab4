#include "lab/program/study_command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "lab/program/argument_checks.h"
#include "lab/program/guarded.h"
#include "lab/program/study_main.h"

namespace ebb {
StudyCommandLine::StudyCommandLine(CLI::App& app)
    : list_(app.add_subcommand("list", "Lists the studies")),
      show_(app.add_subcommand("show", "Shows what a study varies and claims")),
      run_(app.add_subcommand("run", "Runs what is missing of studies, and judges their claims")),
      report_(app.add_subcommand("report", "Writes pages of studies that were run")) {
  CLI::App* const check = app.add_subcommand("check", "Repeats trials at random and compares the bytes");
  app.require_subcommand(1);
  show_->add_option("names", command_.names, "studies, or all")->required();
  for (CLI::App* const each : {run_, report_, check}) each->add_option("names", command_.names, "studies, or all");
  for (CLI::App* const each : {list_, run_, report_, check})
    each->add_option("--tier", command_.tier,
                     "T0, T1, T2 or T3: less than all of the study; without names: all studies of it");
  run_->add_option("--pairs", command_.pairs, "how many pairs, or which: 101-104");
  run_->add_option("--jobs", command_.jobs, "processes of one thread beside each other; default: as many as CPUs")
      ->check(whole_number(1, 1024));
  run_->add_flag("--fresh", command_.fresh, "make every trial again");
  check->add_option("--trials", command_.trials, "how many trials, drawn at random; default 1")
      ->check(whole_number(1, 100000));
  for (CLI::App* const each : {run_, check}) {
    each->add_option("--data", command_.data, "directory with data sets, looked into first");
    each->add_option("--out,--runs", command_.out, "directory of studies; default runs/studies");
  }
  report_->add_option("--out", command_.out, "directory of pages; default docs/studies");
  report_->add_option("--runs", command_.runs, "directory of studies; default runs/studies");
}

int StudyCommandLine::run(const std::vector<Study>& studies, const std::vector<std::string>& worker) const {
  StudyCommand command = command_;
  // "ebb study", or the name of a user's program.
  command.program = std::filesystem::path(worker.front()).filename().string();
  for (std::size_t i = 1; i + 1 < worker.size(); ++i) command.program += ' ' + worker[i];
  if (list_->parsed()) return list_studies(studies, command);
  if (show_->parsed()) return show_study(studies, command);
  if (run_->parsed()) return run_studies(studies, command, worker);
  if (report_->parsed()) return report_studies(studies, command);
  return check_studies(studies, command);
}

bool is_study_worker(const std::vector<std::string>& arguments) {
  return !arguments.empty() && arguments.front() == study_worker;
}

int study_main(int argc, char** argv, const std::vector<Study>& studies) {
  return guarded_main(argc, argv, [&] {
    const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    if (is_study_worker(arguments)) return serve_study(studies, {arguments.begin() + 1, arguments.end()});
    for (const Study& study : studies) require_sound(study);
    CLI::App app{"Runs studies."};
    const StudyCommandLine line(app);
    refuse_empty_texts(app);
    CLI11_PARSE(app, argc, argv);
    return line.run(studies, {argv[0], study_worker});
  });
}

}  // namespace ebb
