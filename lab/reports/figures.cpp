#include "lab/reports/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/html.h"
#include "lab/reports/marks.h"

namespace ebb::html {
namespace {

constexpr std::size_t palette_size = 8;

// Oklch (Ottosson 2020) with one chroma. \param lightness from 0.48 to 0.71 it is seen on light and on dark paper.
std::string of_hue(double degrees, double lightness) {
  const double hue = degrees * std::numbers::pi / 180, a = 0.09 * std::cos(hue), b = 0.09 * std::sin(hue);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  const std::array linear{4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
  std::string out = "rgb(";
  for (const double part : linear) {
    const double shown = part <= 0.0031308 ? 12.92 * part : 1.055 * std::pow(part, 1 / 2.4) - 0.055;
    out += text(out.ends_with('(') ? "" : " ", static_cast<int>(std::lround(255 * std::clamp(shown, 0.0, 1.0))));
  }
  return out + ')';
}

std::string line_of_legend(const marks::Look& look, const std::string& label, const std::string& detail) {
  return text("<li><svg width=\"22\" height=\"12\" aria-hidden=\"true\">", marks::sample(look, 1, 6), "</svg><span>",
              escape(label), detail.empty() ? std::string() : text("<small>", escape(detail), "</small>"),
              "</span></li>\n");
}

std::string legend(const std::string& lines) {
  return lines.empty() ? lines : text("<ul class=\"legend\">\n", lines, "</ul>\n");
}

std::string own_legend(const Plot& plot) {
  std::string lines;
  for (const Curve& curve : plot.curves)
    if (!curve.title.empty())
      lines += line_of_legend(marks::look_of(plot, curve, marks::colours_of(plot)), curve.title, {});
  return legend(lines);
}

std::vector<std::string> colours_of(const std::vector<LegendEntry>& entries) {
  std::vector<std::string> out;
  for (const LegendEntry& entry : entries) out.push_back(entry.colour);
  return out;
}

// The numbers of a plot, for pages without pictures: a row for each place on the horizontal axis.
std::string numbers(const Plot& plot) {
  std::map<double, std::vector<std::string>> rows;
  std::vector<std::string> head{escape(plot.x)};
  for (const Curve& curve : plot.curves) {
    if (curve.faint) continue;
    for (const auto& [x, y] : curve.points) {
      rows[x].resize(head.size());
      rows[x].back() = significant(y);
    }
    head.push_back(escape(curve.title));
  }
  constexpr std::size_t most = 50;
  const std::size_t stride = std::max<std::size_t>(1, (rows.size() + most - 1) / most);
  std::vector<std::vector<std::string>> lines;
  std::size_t number = 0;
  for (auto& [x, row] : rows) {
    row.resize(head.size());
    row.front() = significant(x, 9);
    if (number++ % stride == 0) lines.push_back(row);
  }
  return table(head, lines);
}

std::string picture(const Plot& plot, const Drawing& drawing) {
  std::string out = drawing.svg.empty()
                        ? "<p class=\"empty\">There is no number to draw.</p>\n"
                        : text(drawing.svg, "<p class=\"x\">", escape(axis_words(plot.x, drawing.log_x)), "</p>\n");
  for (const std::string& note : {plot.note, drawing.note})
    if (!note.empty()) out += text("<p class=\"cut\">", escape(note), "</p>\n");
  return out;
}

// \param entries of a legend for all; none: each plot has its own.
std::string grid(const std::vector<Plot>& plots, const std::vector<LegendEntry>& entries) {
  const bool drawn = can_plot();
  std::string out = "<div class=\"figures\">\n";
  for (const Plot& plot : plots) {
    const Drawing drawing = drawn ? draw(plot, colours_of(entries)) : Drawing{};
    out += text("<figure><figcaption>", escape(plot.title));
    const std::string unit = axis_words(plot.unit, drawing.log_y);
    if (!unit.empty()) out += text("<span>", escape(unit), "</span>");
    out += text("</figcaption>\n", entries.empty() && drawn ? own_legend(plot) : "",
                drawn ? picture(plot, drawing) : numbers(plot), "</figure>\n");
  }
  return out + "</div>\n";
}

}  // namespace

std::string series_colour(std::size_t number, std::size_t count) {
  if (count <= palette_size) return text("var(--c", static_cast<int>(number), ")");
  // Marks repeat after eight curves: lightness tells those of one mark apart, in grey too.
  const double place = static_cast<double>(number) / static_cast<double>(count - 1);
  return of_hue(25 + 300 * place, 0.48 + 0.23 * place);
}

std::string figures(const std::vector<Plot>& plots) { return grid(plots, {}); }

std::string panel(const std::vector<LegendEntry>& entries, const std::vector<Plot>& plots) {
  std::string lines;
  for (std::size_t i = 0; i < entries.size(); ++i)
    lines += line_of_legend({.colour = entries[i].colour, .mark = i, .marked = entries.size() > 1}, entries[i].label,
                            entries[i].detail);
  return text("<div class=\"panel\">\n", grid(plots, entries), legend(lines), "</div>\n");
}

std::string plot_warning() {
  if (can_plot()) return {};
  return "<p class=\"note\">gnuplot is not installed: the curves stand in tables.</p>\n";
}

}  // namespace ebb::html
