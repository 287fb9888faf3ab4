#include "lab/reports/plot.h"

#include <array>
#include <atomic>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/reports/gnuplot.h"

namespace ebb {
namespace {

// Colours that differ also for colour-blind readers (Okabe and Ito 2008).
constexpr std::array palette{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

bool drawn(const Plot& plot, double x, double y) {
  return std::isfinite(x) && std::isfinite(y) && (!plot.log_y || y > 0);
}

std::string commands_for(const Plot& plot, int number) {
  std::string out = text("set terminal svg size 620,340 dynamic noenhanced font 'sans-serif,12' name 'plot", number,
                         "' background rgb 'white'\nset encoding utf8\n"
                         "set border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb '#444444'\n"
                         "set grid ytics lc rgb '#e4e4e4' lt 1\nset key outside below\n"
                         "set xlabel offset 0,0.4\nset title font ',14'\n"
                         "set autoscale xfix\nset offsets graph 0, graph 0.01, graph 0.05, graph 0.05\n",
                         plot.from_zero ? "set yrange [0:*]\n" : "", plot.to_hundred ? "set yrange [*:100]\n" : "",
                         plot.log_y ? "set logscale y\nset format y '%g'\nset offsets 0, 0, 0, 0\n" : "", "set title ",
                         gnuplot::literal(plot.title), "\nset xlabel ", gnuplot::literal(plot.x), "\nset ylabel ",
                         gnuplot::literal(plot.y), '\n');
  std::string curves;
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    bool any = false;
    out += text("$c", static_cast<int>(i), " << EOD\n");
    for (const auto& [x, y] : curve.points) {
      if (drawn(plot, x, y)) out += text(x, ' ', y, '\n');
      any = any || drawn(plot, x, y);
    }
    out += "EOD\n";
    if (!any) continue;
    const char* const colour = palette[static_cast<std::size_t>(curve.colour) % palette.size()];
    // A single point is no line.
    const char* const style = curve.points.size() > 30 ? "lines" : "linespoints pt 7 ps 0.4";
    curves += text(curves.empty() ? "plot " : ", ", "$c", static_cast<int>(i), " with ", style, " lc rgb '",
                   curve.faint ? "#40" : "#", colour + 1, "' lw ", curve.faint ? 1 : 2, curve.dashed ? " dt 2" : "",
                   curve.title.empty() ? std::string(" notitle") : text(" title ", gnuplot::literal(curve.title)));
  }
  return curves.empty() ? std::string() : out + curves + '\n';
}

}  // namespace

bool can_plot() { return gnuplot::is_there(); }

std::string svg(const Plot& plot) {
  // Names of elements must differ within a page.
  static std::atomic<int> count{0};
  const std::string commands = commands_for(plot, ++count);
  if (commands.empty()) return {};
  const std::string out = gnuplot::output_of(commands);
  const std::size_t begin = out.find("<svg");
  return begin == std::string::npos ? std::string() : out.substr(begin);
}

}  // namespace ebb
