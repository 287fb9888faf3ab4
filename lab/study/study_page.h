// The pages of studies: private to the runner and the program.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lab/study/study_store.h"

namespace ebb {

// Bytes of results that stand beside a page.
inline constexpr std::size_t most_of_results = 300000;

// A figure as it is drawn.
struct DrawnFigure {
  const Figure* figure;
  Plot plot;
};

// What a page says, in its order.
struct StudyPage {
  const Study* study = nullptr;
  std::vector<Judged> verdicts = {};
  std::string reading = {};  // how the table of verdicts is to be read
  std::vector<DrawnFigure> figures = {};
  std::vector<std::string> refutations = {};                         // a sentence for each claim that may be refuted
  std::vector<std::pair<std::string, std::string>> conditions = {};  // arms, data, budget, tries, command, revision
  std::string results = {};                                          // results.csv
};

StudyPage page_of(const StudyPlan& plan, const StudyRecord& record, const std::vector<TrialResult>& trials);

// The columns of the table of verdicts, and its rows: plain text.
std::vector<std::string> verdict_columns();
std::vector<std::string> verdict_row(const Judged& judged);

// A page that needs nothing but a browser.
std::string study_html(const StudyPage& page);

// A page in Markdown, which shows the pictures NAME-FIGURE.svg beside it.
std::string study_markdown(const StudyPage& page);

// A plot with its title, legend and axis as a file of its own; empty without gnuplot, or where there is nothing to
// draw.
std::string svg_file(const Plot& plot);

// Writes NAME.md, its pictures, NAME.csv where the results are small, and index.md, which lists by name what the
// directory has. \returns their names.
std::vector<std::string> write_pages(const StudyPage& page, const std::filesystem::path& directory);

}  // namespace ebb
