// `ebb report` and `ebb eval`.
#include <iostream>

#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/program/commands.h"
#include "lab/program/destination.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/reports/plot.h"
#include "lab/reports/report.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_files.h"
#include "lab/setup/extensions.h"
#include "lab/setup/session.h"

namespace ebb {
int run(const ReportCommand& command) {
  const bool comparison = command.runs.size() > 1;
  if (!command.out.empty()) require_destination(command.out, {.runs = command.runs});
  std::vector<RunData> runs;
  std::vector<std::string> left_out;
  for (const std::string& directory : command.runs) {
    try {
      runs.push_back(read_run(directory));
    } catch (const std::exception& error) {
      if (!comparison) throw;
      left_out.emplace_back(error.what());
      complain() << "left out: " << printable(error.what()) << '\n';
    }
  }
  if (runs.empty())
    fail("report", text(static_cast<int>(left_out.size()), " arguments that are no runs"), "at least one run");
  const std::string page = comparison ? comparison_page(runs, left_out) : report_page(runs.front());
  std::filesystem::path out = command.out;
  if (out.empty()) {
    // A place that nobody named: a link that is there leads to a file that nobody meant.
    const Directory directory(comparison ? "." : command.runs.front());
    const std::string name = comparison ? "comparison.html" : run_files::report.name;
    write_file(directory, name, page);
    out = (directory.path() / name).lexically_normal();
  } else {
    write_file(out, page);
  }
  std::cout << printable_line(out.string()) << '\n';
  if (!can_plot()) complain() << "gnuplot is not installed: the report has tables in place of curves\n";
  return 0;
}

int run(const EvalCommand& command) {
  const std::filesystem::path directory = command.directory;
  const std::filesystem::path weights = directory / run_files::model.name;
  if (!std::filesystem::is_directory(directory))
    fail(directory.string(), "no such directory", "the directory of a finished run");
  if (!std::filesystem::exists(weights))
    fail(weights.string(), "no such file", "the weights of a finished run", "finish it with `ebb resume`");
  Recipe recipe = for_program(run_recipe(Directory(directory)).now, command.extensions);
  apply_settings(recipe, command.settings);
  use_threads(recipe);
  const memory::Guard guard;
  const TensorFile file = load_safetensors(weights);
  const auto test = read_test_data(recipe, statistics_from(file.metadata, weights.string()), reading_progress());
  if (!test->remark().empty()) complain() << "the test data are " << printable(test->remark()) << '\n';
  const std::unique_ptr<Layer> model = make_model(recipe, *test);
  model->load_state(file.tensors);
  const Evaluation result = evaluate(*model, Loader(test, in_order(recipe)), trainer_options(recipe).evaluation);
  std::cout << printable(class_table(result.confusion, class_names(*test))) << '\n';
  std::cout << printable_line(weights.string()) << " on " << result.confusion.total()
            << " test images\naccuracy                 " << percent(result.accuracy) << "\nnegative log-likelihood  "
            << decimal(result.loss, 4) << "\ncalibration error        " << percent(result.calibration_error)
            << " (15 bins)\n";
  return 0;
}

}  // namespace ebb
