#include "lab/reports/plot.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/gnuplot.h"
#include "lab/reports/marks.h"
#include "lab/reports/svg.h"

namespace ebb {
namespace {

using Points = std::vector<std::pair<double, double>>;

// What is drawn in about 400 x 230 dots: more points than this many make a page heavy and show no more.
constexpr std::size_t most_points = 12000, most_of_curve = 600, least_of_curve = 60;

// The first palette entries are the frame's; those of the curves follow.
enum Ink : std::size_t { axis_ink, text_ink, grid_ink, first_curve_ink };

// Groups of neighbours become two points each, the lowest and the highest, in their order; gaps stay.
Points thinned(const Points& points, std::size_t most) {
  if (points.size() <= most) return points;
  const std::size_t stride = (2 * points.size() + most - 1) / most;
  Points out;
  for (std::size_t begin = 0; begin < points.size(); begin += stride) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(stride, points.size() - begin));
    const auto gap = std::find_if(first, last, [](const auto& p) { return !std::isfinite(p.second); });
    const auto [low, high] =
        std::minmax_element(first, gap, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (gap != first) out.push_back(*std::min(low, high));
    if (gap != first && low != high) out.push_back(*std::max(low, high));
    if (gap != last) out.push_back(*gap);
  }
  return out;
}

// A place with the digits that a screen can show. What lies far outside is clipped all the same.
std::string placed(double place) { return decimal(std::clamp(place, -100.0, 100.0), 5); }

std::string point_lines(const Points& points, const Axis& x, const Axis& y) {
  std::string out;
  for (const auto& [at, value] : points) {
    const double column = x.place(at), row = y.place(value);
    // A line without numbers breaks the curve.
    if (std::isfinite(column) && std::isfinite(row)) out += text(placed(column), ' ', placed(row), '\n');
    else if (!out.empty() && !out.ends_with("\n\n")) out += '\n';
  }
  return out;
}

std::string band_lines(const Curve& curve, const Axis& x, const Axis& y) {
  std::string out;
  for (const auto& [at, low, high] : curve.band) {
    // What has no place on a logarithmic axis lies below it.
    const double column = x.place(at), bottom = y.log && low <= 0 ? -1 : y.place(low), top = y.place(high);
    if (std::isfinite(column) && std::isfinite(bottom) && std::isfinite(top))
      out += text(placed(column), ' ', placed(bottom), ' ', placed(top), '\n');
  }
  return out;
}

std::string tics(const char* which, const Axis& axis) {
  std::string out;
  for (const Tic& tic : axis.tics) {
    std::string format;  // gnuplot takes labels for formats of numbers
    for (const char c : tic.label) format.append(c == '%' ? 2 : 1, c);
    out += text(out.empty() ? "" : ", ", gnuplot::literal(format), ' ', placed(tic.place));
  }
  return text("set ", which, " (", out, ")\n");
}

// How large points are: a mean stands out of the single values around it.
std::string point_size(const Plot& plot, const Curve& curve, bool open) {
  const bool mean = !curve.faint && std::ranges::any_of(plot.curves, [](const Curve& c) { return c.faint && c.dots; });
  return text(" ps ", mean ? (open ? "0.8" : "0.7") : (open ? "0.55" : "0.45"));
}

// The curves as data blocks, and the command that draws them: bands first, so that all curves lie on them.
std::string curve_commands(const Plot& plot, const std::vector<std::string>& colours, const Axis& x, const Axis& y) {
  std::string blocks, bands, curves;
  const std::size_t most =
      std::clamp(most_points / std::max<std::size_t>(1, plot.curves.size()), least_of_curve, most_of_curve);
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    const auto number = static_cast<int>(i);
    const std::string colour = text("rgb '", svg::ink(first_curve_ink + i, curve.faint ? 0.4 : 1), '\'');
    const std::size_t mark = marks::number_of(curve.colour, colours);
    const std::string shape =
        text("points pt ", marks::point_type(mark), point_size(plot, curve, marks::is_open(mark)), " lc ", colour);
    const Points line = thinned(curve.points, most);
    const std::string band = band_lines(curve, x, y), points = point_lines(line, x, y);
    if (!band.empty()) {
      blocks += text("$b", number, " << EOD\n", band, "EOD\n");
      if (has_bars(curve))
        bands += text("$b", number, " using 1:2:(0):($3-$2) with vectors nohead lw 1.6 lc ", colour, ", ");
      else
        bands += text("$b", number, " with filledcurves fs transparent solid ", plot.curves.size() > 8 ? "0.1" : "0.16",
                      " noborder fc ", colour, ", ");
    }
    if (points.empty()) continue;
    blocks += text("$c", number, " << EOD\n", points, "EOD\n");
    const bool single = std::ranges::count(points, '\n') == 1;
    if (curve.dots || single) {
      curves += text("$c", number, " with ", shape, curve.faint ? " lw 0.7, " : " lw 1, ");
      continue;
    }
    curves += text("$c", number, " with lines lc ", colour, " lw ",
                   curve.faint               ? "0.7"
                   : plot.curves.size() > 20 ? "1.2"
                                             : "1.8",
                   curve.dashed ? " dt (6,4)" : "", ", ");
    if (!marks::on_line(plot, curve)) continue;
    blocks += text("$m", number, " << EOD\n",
                   point_lines(marks::places_on(line, mark, colours.size(), curve.dashed), x, y), "EOD\n");
    curves += text("$m", number, " with ", shape, " lw 1, ");
  }
  const std::string all = bands + curves;
  return all.empty() ? all : text(blocks, "plot ", all.substr(0, all.size() - 2), '\n');
}

std::string frame_commands(const Axis& x, const Axis& y) {
  return text("set terminal svg size 400,230 dynamic noenhanced font 'sans-serif,12'\nset encoding utf8\nunset key\n",
              "set border 3 lc rgb '", svg::ink(axis_ink), "'\nset tics nomirror scale 0.4 textcolor rgb '",
              svg::ink(text_ink), "'\nset grid ytics lc rgb '", svg::ink(grid_ink), "' lt 1 lw 1\n",
              "set xrange [0:1]\nset yrange [0:1]\nset clip two\nset tmargin 0.7\nset bmargin 1.8\nset rmargin 2.5\n",
              tics("xtics", x), tics("ytics", y));
}

std::vector<double> column_of(const Points& points) {
  std::vector<double> out;
  for (const auto& [x, y] : points) out.push_back(x);
  return out;
}

void add_rows(std::vector<std::vector<double>>& rows, const Curve& curve) {
  rows.emplace_back();
  for (const auto& [x, y] : curve.points) rows.back().push_back(y);
  for (const std::size_t end : {std::size_t{1}, std::size_t{2}}) {
    rows.emplace_back();
    for (const auto& point : curve.band) rows.back().push_back(point[end]);
  }
}

std::string note_on(const Plot& plot, const Axis& y) {
  std::string out;
  if (y.cut) out = text("The axis is cut: values go from ", significant(y.least), " to ", significant(y.largest), ". ");
  double first = INFINITY;
  for (const Curve& curve : plot.curves)
    for (const auto& [x, value] : curve.points)
      if (!std::isfinite(value)) first = std::min(first, x);
  if (first < INFINITY)
    out += text("Values that are not finite leave gaps, the first at ", plot.x, ' ', significant(first, 9), ". ");
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace

bool has_bars(const Curve& curve) {
  constexpr std::size_t most_bars = 24;
  return curve.dots && curve.band.size() <= most_bars;
}

bool can_plot() { return gnuplot::is_there(); }

Drawing draw(const Plot& plot, const std::vector<std::string>& colours) {
  std::vector<std::vector<double>> columns, rows;
  std::vector<std::string> inks{"var(--axis)", "var(--muted)", "var(--grid)"};
  for (const Curve& curve : plot.curves) {
    columns.push_back(column_of(curve.points));
    add_rows(rows, curve);
    inks.push_back(curve.colour);
  }
  const Axis x = plot.x_names.empty() ? axis_of(columns, plot.x_axis) : axis_of(plot.x_names);
  const Axis y = axis_of(rows, plot.y_axis);
  const std::string curves = x.tics.empty() || y.tics.empty()
                                 ? std::string()
                                 : curve_commands(plot, colours.empty() ? marks::colours_of(plot) : colours, x, y);
  if (curves.empty()) return {.svg = {}, .note = note_on(plot, y)};
  return {.svg = svg::for_page(gnuplot::output_of(frame_commands(x, y) + curves), inks, plot.title),
          .note = note_on(plot, y),
          .log_x = x.log,
          .log_y = y.log};
}

std::string axis_words(const std::string& name, bool log) {
  return !log ? name : name.empty() ? "log scale" : name + ", log scale";
}

}  // namespace ebb
