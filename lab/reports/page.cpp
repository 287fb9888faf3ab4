// The page of one run.
#include <algorithm>
#include <array>
#include <optional>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/figures.h"
#include "lab/reports/html.h"
#include "lab/reports/report.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;

// The page from top to bottom, below its key figures.
constexpr std::array sections{diagnosis_section, learning_section, decay_section,    audit_section,
                              confusion_section, classes_section,  mistakes_section, filters_section,
                              changes_section,   events_section,   origin_section};

std::string card(const std::string& value, const std::string& name, bool main = false) {
  return text("<div", main ? " class=\"main\"" : "", "><dt>", escape(name), "</dt><dd>", escape(value),
              "</dd></div>\n");
}

const std::string* value_of(const std::vector<std::pair<std::string, std::string>>& entries, std::string_view key) {
  const auto at = std::ranges::find(entries, key, [](const auto& entry) { return std::string_view(entry.first); });
  return at == entries.end() ? nullptr : &at->second;
}

std::string cards(const RunData& run) {
  std::string out = "<dl class=\"cards\">\n";
  if (run.evaluation) {
    out += card(percent(run.evaluation->accuracy), "test accuracy", true);
    out += card(decimal(run.evaluation->loss, 4), "test loss, nats");
    out += card(percent(run.evaluation->calibration_error), "calibration error");
    if (const std::int64_t none = run.evaluation->confusion.unpredicted(); none > 0)
      out += card(grouped(none), "without a prediction: logits not finite");
  } else {
    const std::string* const program = value_of(run.environment, "program");
    out += card("not finished", text("go on with ", program == nullptr ? "ebb" : *program, " resume"), true);
  }
  if (!run.log.epochs.empty()) {
    const EpochResult& last = run.log.epochs.back();
    out += card(decimal(last.train_loss, 4, "none"), "training loss, nats");
    out += card(grouped(last.epoch), last.epoch == 1 ? "epoch" : "epochs");
    double seconds = 0;
    for (const EpochResult& epoch : run.log.epochs) seconds += epoch.seconds;
    out += card(clock_text(seconds), seconds < 3600 ? "in training, min:s" : "in training, h:min:s");
    out += card(whole(last.images_per_second), "images a second");
  }
  if (const std::string* const n = summary_value(run, "parameters")) {
    const std::optional<double> number = number_in(*n);
    out += card(number ? whole(*number) : *n, "parameters");
  }
  return out + "</dl>\n";
}

std::string in_a_line(const Recipe& r) {
  return escape(text(r.model, " on ", r.data, " · ", r.optimizer, " · ", r.decay, ' ', significant(r.lambda), " on ",
                     r.decay_on, " · seed ", r.seed));
}

}  // namespace

const std::string* summary_value(const RunData& run, std::string_view key) { return value_of(run.summary, key); }

std::string report_page(const RunData& run) {
  std::vector<html::Section> shown;
  for (const auto& section : sections) shown.push_back(section(run));
  return html::page(run.name, in_a_line(run.recipe), cards(run) + html::plot_warning(), shown);
}

}  // namespace ebb
