#include "lab/program/training.h"

#include <cmath>
#include <functional>
#include <iostream>
#include <optional>

#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"
#include "framework/tensor/printable.h"
#include "lab/export/tensorboard.h"
#include "lab/format/numbers.h"
#include "lab/format/shell_word.h"
#include "lab/program/destination.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/program/progress_display.h"
#include "lab/program/standard_streams.h"
#include "lab/program/stop_signal.h"
#include "lab/reports/report.h"
#include "lab/runs/evaluation_record.h"
#include "lab/training/confusion.h"
#include "lab/training/train_trace.h"
#include "lab/use/filter_record.h"
#include "lab/use/filter_sheet.h"
#include "lab/use/filters.h"
#include "lab/use/mistake_sheet.h"

namespace ebb {
namespace {

// Draws the filters of the first convolution as they are when it is asked; nothing where there is none.
std::function<Tensor()> picture_of_filters(Session& session) {
  try {
    const std::string layer = first_filters(*session.model, session.data.train->sample_shape()).layer;
    for (const NamedParameter& p : session.model->named_parameters())
      if (p.path == layer + ".weight")
        return [layer, &weight = *p.parameter] {
          const LabelledFilters bank{.label = "", .filters = filters_of(layer, weight.value())};
          return filter_sheet(std::span(&bank, 1));
        };
  } catch (const Error&) {  // it sees no images, or calls no convolution
  }
  return {};
}

// What the evaluation of an epoch found, if there was one.
Tensor picture_of_mistakes(Session& session, const EpochResult& epoch) {
  if (std::isnan(epoch.evaluation_accuracy)) return {};
  return mistake_sheet(make_record(session.trainer.evaluation(), session.evaluated.dataset(), session.recipe.data));
}

TensorBoard::Place place_of(const Session& session) {
  const std::int64_t batches = session.trainer.batches_done(), of_epoch = session.train.batches();
  return {.batches = batches, .before_evaluation = batches - session.trainer.epoch() * of_epoch == of_epoch};
}

// False when it cannot: the training's results do not depend on it.
bool write_trace(const TrainTrace& trace, const TraceFile& wanted) {
  const std::filesystem::path file = wanted.path;
  try {
    if (file.has_parent_path()) make_directories(file.parent_path());
    write_file(file, trace.json(), wanted.overwrite ? Existing::replace : Existing::refuse);
  } catch (const Error& error) {
    complain() << printable(error.what()) << '\n';
    return false;
  }
  std::cout << "trace in " << printable_line(file.string()) << '\n';
  return true;
}

// The ranks' costs, for the log and the eye. All ranks ask for them.
void tell_costs(const Session& session, RunDirectory& directory, Company& company, std::int64_t batches) {
  for (const std::string& line : company.costs(session, batches)) {
    directory.on_event(session.trainer, {"ranks", line});
    std::cout << printable_line(line) << '\n';
  }
}

int stopped(Session& session, RunDirectory& directory, int signal) {
  const Trainer& trainer = session.trainer;
  trainer.report({"stop", text("stopped by signal ", signal, " after batch ", trainer.batches_done())});
  const bool saved = trainer.can_save() && directory.save(trainer);
  std::cout << (saved ? "saved" : "not everything is saved; the last checkpoint stands")
            << "; go on with: " << shell_word(program_name()) << " resume "
            << shell_word(directory.now().value_or(directory.path()).string()) << '\n';
  return 128 + signal;
}

// \param trained is called when the training is done or was stopped, before its results are written.
int train_to_the_end(Session& session, RunDirectory& directory, const Diagnostics* diagnostics, Company& company,
                     const std::function<void()>& trained) {
  Trainer& trainer = session.trainer;
  ProgressDisplay display;
  LostOutput lost;
  trainer.add(display);
  trainer.add(lost);
  // In front of the checkpoints: what stands behind one of them is taken back by who goes on from it.
  std::optional<TensorBoard> board;
  if (session.recipe.tensorboard)
    trainer.add(board.emplace(directory.held(), *session.model, place_of(session), session.evaluated_on(),
                              [&session, filters = picture_of_filters(session)](const EpochResult& epoch) {
                                return TensorBoard::Pictures{{"filters", filters ? filters() : Tensor()},
                                                             {"worst_mistakes", picture_of_mistakes(session, epoch)}};
                              }));
  if (board && diagnostics != nullptr) board->follow(*diagnostics);
  trainer.add(directory);
  for (const std::string& warning : session.warnings()) trainer.report({"warning", warning});
  company.begin_training();
  const std::int64_t begun = trainer.batches_done();
  display.print_head(session.evaluated_on());
  for (const EpochResult& epoch : trainer.curve()) display.on_epoch(trainer, epoch);
  try {
    const StopSignal signals;
    // A training between two accumulated updates has no state to save: it goes on to the end of the update.
    if (!trainer.run([&] { return StopSignal::requested() != 0 && trainer.can_save(); })) {
      const int signal = company.common_signal(StopSignal::requested());
      tell_costs(session, directory, company, trainer.batches_done() - begun);
      const int status = stopped(session, directory, signal);
      if (trained) trained();
      return status;
    }
  } catch (const std::exception& error) {
    if (!out_of_memory(error)) throw;
    fail("memory", text("none left after batch ", trainer.batches_done(), ": ", error.what()), "more of it",
         text("the last checkpoint stands; with more memory go on with: ", shell_word(program_name()), " resume ",
              shell_word(directory.path().string())));
  }
  directory.save(trainer);
  if (trained) trained();
  const std::vector<std::string> costs = company.costs(session, trainer.batches_done() - begun);
  for (const std::string& line : costs) directory.on_event(trainer, {"ranks", line});
  const Evaluation tested = session.test_evaluation();
  const TrainSummary summary = session.summary(tested);  // asks for the trainer's evaluation
  // What it came to is said before anything of it is written: whatever happens then, this is known.
  std::cout << '\n' << printable(class_table(tested.confusion, class_names(session.test.dataset()))) << '\n';
  std::cout << "test accuracy " << percent(summary.test_accuracy) << " after " << summary.epochs << " epochs in "
            << clock_text(summary.seconds) << '\n';
  if (!std::isfinite(summary.test_loss)) std::cout << "test loss not finite\n";
  for (const std::string& line : costs) std::cout << printable_line(line) << '\n';
  std::cout << "weights " << summary.weights_sha256 << '\n' << std::flush;
  const State weights = trainer.final_weights();
  EvaluationRecord record = make_record(tested, session.test.dataset(), session.recipe.data);
  record.filters = filter_record(*session.model, session.data.train->sample_shape(), weights);
  directory.finish(weights, model_card(session.recipe, *session.data.train), record, summary);
  const std::optional<std::filesystem::path> place = directory.now();
  if (!place)
    fail(directory.path().string(), "a run directory that was moved to where it cannot be found",
         "one to read for the report", "the results are in it; `ebb report` makes the page");
  directory.write_report(report_page(read_run(*place)));
  std::cout << "results in " << printable_line(place->string()) << '\n';
  std::string problems = directory.problems();
  if (board && !board->problem().empty()) problems += (problems.empty() ? "" : "\n") + board->problem();
  if (problems.empty()) return 0;
  complain() << "not everything could be written: " << printable(problems) << '\n';
  return 1;
}

}  // namespace

void require_place(const TraceFile& trace, const std::string& run) {
  if (!trace.path.empty())
    require_destination(trace.path, {.runs = {run}, .overwrite = trace.overwrite, .makes_directory = true});
}

int train_in(Session& session, RunDirectory& directory, const TraceFile& file, const Diagnostics* diagnostics,
             Company& company) {
  if (file.path.empty()) return company.end(train_to_the_end(session, directory, diagnostics, company, {}));
  TrainTrace trace(*session.model, session.train, file.steps);
  session.trainer.add(trace);
  bool written = true;
  const int status =
      train_to_the_end(session, directory, diagnostics, company, [&] { written = write_trace(trace, file); });
  return company.end(status == 0 && !written ? 1 : status);
}

int train_along(Session& session, Company& company) {
  Trainer& trainer = session.trainer;
  const StopSignal signals;
  company.begin_training();
  const std::int64_t begun = trainer.batches_done();
  if (trainer.run([&] { return StopSignal::requested() != 0 && trainer.can_save(); })) {
    company.costs(session, trainer.batches_done() - begun);
    session.test_evaluation();  // as the rank that leads does
    trainer.evaluation();
  } else {
    company.common_signal(StopSignal::requested());
    company.costs(session, trainer.batches_done() - begun);
  }
  return company.end(0);
}

}  // namespace ebb
