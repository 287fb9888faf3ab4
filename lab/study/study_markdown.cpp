// The pages of studies that stand in a repository: Markdown with pictures beside it.
#include <algorithm>
#include <map>

#include "framework/io/atomic_file.h"
#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/reports/html.h"
#include "lab/reports/marks.h"
#include "lab/reports/style.h"
#include "lab/study/study_page.h"

namespace ebb {
namespace {

constexpr std::uint64_t most_of_page = 4 << 20;
constexpr const char* index_name = "index.md";

// Text that Markdown shows as it is, in a table too.
std::string plain(std::string_view words) {
  std::string out;
  for (const char c : printable_line(words)) {
    if (std::string_view("\\`*_{}[]<>#|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += text(' ', cell, " |");
  return out + '\n';
}

std::string table_of(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string out = row(head) + "|";
  for (std::size_t i = 0; i < head.size(); ++i) out += "---|";
  out += '\n';
  for (const std::vector<std::string>& cells : rows) out += row(cells);
  return out + '\n';
}

// The numbers of a plot, where there is no picture.
std::string numbers_of(const Plot& plot) {
  constexpr std::size_t most = 50;
  std::vector<std::vector<std::string>> rows;
  for (const Curve& curve : plot.curves) {
    if (curve.faint) continue;
    const std::size_t stride = std::max<std::size_t>(1, (curve.points.size() + most - 1) / most);
    for (std::size_t i = 0; i < curve.points.size(); i += stride)
      rows.push_back({plain(curve.title), significant(curve.points[i].first, 9), significant(curve.points[i].second)});
  }
  return table_of({"curve", plain(plot.x), plain(text(plot.title, plot.unit.empty() ? "" : ", ", plot.unit))}, rows);
}

// Words in lines of at most `most` letters.
std::vector<std::string> lines_of(const std::string& words, std::size_t most) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string word = words.substr(at, end - at);
    if (out.empty() || out.back().size() + 1 + word.size() > most) out.push_back(word);
    else out.back() += ' ' + word;
    at = end + 1;
  }
  return out;
}

std::string picture_name(const StudyPage& page, const DrawnFigure& drawn) {
  return text(page.study->name, '-', drawn.figure->file, ".svg");
}

std::string counted(const StudyPage& page) {
  std::string out;
  for (const Verdict::Is is :
       {Verdict::Is::confirmed, Verdict::Is::refuted, Verdict::Is::undecided, Verdict::Is::reported}) {
    const auto count = std::ranges::count(page.verdicts, is, [](const Judged& j) { return j.verdict.is; });
    if (count > 0) out += text(out.empty() ? "" : ", ", count, ' ', name(is));
  }
  return out;
}

// That the whole study takes on two cores.
std::string minutes(const Study& study) {
  return study.minutes < 1 ? "less than a minute"
                           : text(significant(study.minutes), study.minutes == 1 ? " minute" : " minutes");
}

// One line of the index, by which it is known again.
std::string index_line(const StudyPage& page) {
  const Study& study = *page.study;
  return text("- [", study.name, "](", study.name, ".md), ", minutes(study), ": ", plain(study.statement), ' ',
              counted(page), '.');
}

// The index with the line of this page in its place: by name, whatever became of the claims.
std::string index_with(const StudyPage& page, const std::filesystem::path& index) {
  std::map<std::string, std::string> lines;
  if (std::filesystem::exists(index)) {
    const std::string before = read_text(index, most_of_page);
    for (std::size_t at = 0; at < before.size();) {
      const std::size_t end = std::min(before.find('\n', at), before.size());
      const std::string line = before.substr(at, end - at);
      const std::size_t name_end = line.find("](");
      if (line.starts_with("- [") && name_end != std::string::npos) lines[line.substr(3, name_end - 3)] = line;
      at = end + 1;
    }
  }
  lines[page.study->name] = index_line(page);
  std::string out =
      "# Studies\n\nEach page is written by `ebb study report`; sorted by name, with the time that the study takes on "
      "two cores.\n\n";
  for (const auto& [name, line] : lines) out += line + '\n';
  return out;
}

}  // namespace

std::string study_markdown(const StudyPage& page) {
  const Study& study = *page.study;
  std::string out =
      text("# ", plain(study.title.empty() ? study.name : study.title), "\n\n", plain(study.statement), "\n\n",
           study.answer.empty() ? "" : text("**Answer:** ", plain(study.answer), "\n\n"), "## Verdicts\n\n");
  std::vector<std::vector<std::string>> rows;
  for (const Judged& judged : page.verdicts) {
    rows.emplace_back();
    for (const std::string& cell : verdict_row(judged)) rows.back().push_back(plain(cell));
  }
  out += table_of(verdict_columns(), rows);
  if (!page.reading.empty()) out += text(plain(page.reading), "\n\n");
  if (!page.figures.empty()) out += "## Figures\n\n";
  for (const DrawnFigure& drawn : page.figures) {
    out += text("### ", plain(drawn.figure->message), "\n\n");
    out += can_plot() ? text("![", plain(drawn.plot.title), "](", picture_name(page, drawn), ")\n\n")
                      : numbers_of(drawn.plot);
  }
  if (!page.refutations.empty()) out += "## What would have refuted it\n\n";
  for (const std::string& each : page.refutations) out += text("- ", plain(each), '\n');
  if (!page.refutations.empty()) out += '\n';
  if (!study.pilot.empty()) out += text("## What was known before\n\n", plain(study.pilot), "\n\n");
  if (!study.explanation.empty())
    out += text("## What explains it, found afterwards\n\n", plain(study.explanation), "\n\n");
  if (!study.limits.empty()) out += text("## What it does not show\n\n", plain(study.limits), "\n\n");
  out += "## How it was run\n\n";
  rows.clear();
  for (const auto& [key, value] : page.conditions) rows.push_back({plain(key), plain(value)});
  return out + table_of({"", ""}, rows);
}

std::string svg_file(const Plot& plot) {
  const Drawing drawing = draw(plot);
  if (drawing.svg.empty()) return {};
  constexpr int picture = 416, height = 239, left = 12, line = 17;
  int y = 20, width = 2 * left + picture;
  // Wide enough for every line of words, at two thirds of the size for a letter.
  const auto words = [&](int x, int size, const char* colour, std::string_view what) {
    width = std::max(width, x + 2 * size * static_cast<int>(what.size()) / 3 + left);
    return text("<text x=\"", x, "\" y=\"", y, "\" font-size=\"", size, "\" fill=\"var(--", colour, ")\">",
                html::escape(what), "</text>\n");
  };
  std::string head = words(left, 14, "ink", plot.title);
  y += line;
  const std::string unit = axis_words(plot.unit, drawing.log_y);
  if (!unit.empty()) head += words(left, 12, "muted", unit), y += line;
  // A legend of a few lines stands above the picture, a longer one beside it.
  const auto named = std::ranges::count_if(plot.curves, [](const Curve& curve) { return !curve.title.empty(); });
  const bool beside = named > 4;
  const int legend_left = beside ? left + picture + left : left, below_head = y;
  for (const Curve& curve : plot.curves) {
    if (curve.title.empty()) continue;
    head += marks::sample(marks::look_of(plot, curve, marks::colours_of(plot)), legend_left, y - 4);
    head += words(legend_left + 28, 12, "ink", curve.title);
    y += line;
  }
  const int top = (beside ? below_head : y) - 8, end = y;
  y = top + height + line;
  std::string foot = text("<text x=\"", left + picture / 2, "\" y=\"", y,
                          "\" font-size=\"12\" fill=\"var(--muted)\" text-anchor=\"middle\">",
                          html::escape(axis_words(plot.x, drawing.log_x)), "</text>\n");
  y = std::max(y, end - line) + 5;
  for (const std::string& note : {plot.note, drawing.note})
    for (const std::string& each : lines_of(note, 56)) y += line - 2, foot += words(left, 11, "muted", each);
  constexpr std::string_view opening = "<svg class=\"plot\" ";
  return text("<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 ",
              width, ' ', y + 10, "\" width=\"", width, "\" font-family=\"sans-serif\">\n<style>", html::colours(),
              "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n", head, "<svg x=\"", left,
              "\" y=\"", top, "\" width=\"", picture, "\" height=\"", height, "\" ", drawing.svg.substr(opening.size()),
              foot, "</svg>\n");
}

std::vector<std::string> write_pages(const StudyPage& page, const std::filesystem::path& path) {
  make_directories(path, "choose another with --out");
  std::vector<std::string> names;
  const auto write = [&](const std::string& name, const std::string& contents) {
    write_file(path / name, contents);
    names.push_back(name);
  };
  for (const DrawnFigure& drawn : page.figures) {
    const std::string picture = svg_file(drawn.plot);
    if (!picture.empty()) write(picture_name(page, drawn), picture);
  }
  write(text(page.study->name, ".md"), study_markdown(page));
  if (page.results.size() <= most_of_results) write(text(page.study->name, ".csv"), page.results);
  write(index_name, index_with(page, path / index_name));
  return names;
}

}  // namespace ebb
