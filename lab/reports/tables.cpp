#include "lab/reports/tables.h"

#include <algorithm>

#include "framework/tensor/text.h"
#include "lab/format/csv.h"
#include "lab/reports/conditions.h"

namespace ebb {
namespace {

// What is measured of a group, and its column.
struct Measure {
  const char* name;
  double GroupMeasure::*value;
};
constexpr Measure measures[] = {{"lr", &GroupMeasure::lr},
                                {"lambda", &GroupMeasure::lambda},
                                {"shrink", &GroupMeasure::shrink},
                                {"weight_norm", &GroupMeasure::weight_norm},
                                {"gradient_norm", &GroupMeasure::gradient_norm}};

// The groups of all runs, as they come.
std::vector<std::string> groups_of(const std::vector<RunData>& runs) {
  std::vector<std::string> out;
  for (const RunData& run : runs)
    for (const StepResult& step : run.log.steps)
      for (const GroupMeasure& group : step.groups)
        if (std::ranges::find(out, group.name) == out.end()) out.push_back(group.name);
  return out;
}

std::string steps_of(const std::vector<RunData>& runs, const std::vector<std::string>& names) {
  const std::vector<std::string> groups = groups_of(runs);
  std::vector<std::string> head{"run", "step", "epoch", "loss", "lr"};
  for (const std::string& group : groups)
    for (const Measure& measure : measures) head.push_back(csv_text(text(group, ' ', measure.name)));
  std::string out = csv_line(head);
  for (std::size_t r = 0; r < runs.size(); ++r)
    for (const StepResult& step : runs[r].log.steps) {
      std::vector<std::string> row{csv_text(names[r]), text(step.step), text(step.epoch), csv_field(step.loss),
                                   csv_field(step.lr)};
      for (const std::string& name : groups) {
        const auto group = std::ranges::find(step.groups, name, &GroupMeasure::name);
        for (const Measure& measure : measures)
          row.push_back(group == step.groups.end() ? "" : csv_field((*group).*measure.value));
      }
      out += csv_line(row);
    }
  return out;
}

std::string epochs_of(const std::vector<RunData>& runs, const std::vector<std::string>& names) {
  std::string out = csv_line({"run", "epoch", "lr", "train_loss", "train_accuracy", "evaluated_on", "evaluation_loss",
                              "evaluation_accuracy", "seconds", "images_per_second"});
  for (std::size_t r = 0; r < runs.size(); ++r)
    for (const EpochResult& e : runs[r].log.epochs)
      out += csv_line({csv_text(names[r]), text(e.epoch), csv_field(e.lr), csv_field(e.train_loss),
                       csv_field(e.train_accuracy), csv_text(runs[r].log.evaluated_on), csv_field(e.evaluation_loss),
                       csv_field(e.evaluation_accuracy), csv_field(e.seconds), csv_field(e.images_per_second)});
  return out;
}

std::string classes_of(const std::vector<RunData>& runs, const std::vector<std::string>& names) {
  std::string out = csv_line({"run", "class", "samples", "unpredicted", "recall", "precision"});
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (!runs[r].evaluation) continue;
    const Confusion& confusion = runs[r].evaluation->confusion;
    for (std::int64_t c = 0; c < confusion.classes(); ++c)
      out += csv_line({csv_text(names[r]), csv_text(runs[r].evaluation->classes[static_cast<std::size_t>(c)]),
                       text(confusion.samples(c)), text(confusion.unpredicted(c)), csv_field(confusion.recall(c)),
                       csv_field(confusion.precision(c))});
  }
  return out;
}

std::string confusion_of(const std::vector<RunData>& runs, const std::vector<std::string>& names) {
  std::string out = csv_line({"run", "class", "predicted", "samples"});
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (!runs[r].evaluation) continue;
    const EvaluationRecord& record = *runs[r].evaluation;
    const auto name = [&](std::int64_t c) { return csv_text(record.classes[static_cast<std::size_t>(c)]); };
    for (std::int64_t truth = 0; truth < record.confusion.classes(); ++truth)
      for (std::int64_t other = 0; other < record.confusion.classes(); ++other)
        if (const std::int64_t count = record.confusion.count(truth, other); count > 0)
          out += csv_line({csv_text(names[r]), name(truth), name(other), text(count)});
  }
  return out;
}

}  // namespace

std::vector<RunTable> run_tables(const std::vector<RunData>& runs) {
  const std::vector<std::string> names = distinct_names(runs);
  return {{"steps.csv", steps_of(runs, names)},
          {"epochs.csv", epochs_of(runs, names)},
          {"classes.csv", classes_of(runs, names)},
          {"confusion.csv", confusion_of(runs, names)}};
}

}  // namespace ebb
