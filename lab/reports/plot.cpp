#include "lab/reports/plot.h"

#include <unistd.h>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Colours that differ also for colour-blind readers (Okabe and Ito 2008).
constexpr std::array palette{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= ' ') out += c;
  }
  return out + '"';
}

// A file for the commands, removed in the end.
class Script {
 public:
  Script() {
    std::error_code error;  // without such a folder the current one serves
    path_ = (std::filesystem::temp_directory_path(error) / "ebb-plot-").string();
    path_.append(6, 'X');  // as mkstemp() wants it
    descriptor_ = ::mkstemp(path_.data());
  }
  ~Script() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(path_.c_str());
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  bool write(const std::string& commands) const {
    return descriptor_ >= 0 &&
           ::write(descriptor_, commands.data(), commands.size()) == static_cast<ssize_t>(commands.size());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
};

std::string output_of(const std::string& command) {
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string out;
  std::array<char, 4096> part{};
  for (std::size_t n = 0; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) out.append(part.data(), n);
  return ::pclose(pipe) == 0 ? out : std::string();
}

bool drawn(const Plot& plot, double y) { return std::isfinite(y) && (!plot.log_y || y > 0); }

std::string commands_for(const Plot& plot, int number) {
  std::string out =
      text("set terminal svg size 620,340 dynamic enhanced font 'sans-serif,12' name 'plot", number,
           "' background rgb 'white'\nset encoding utf8\n"
           "set border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb '#444444'\n"
           "set grid ytics lc rgb '#e4e4e4' lt 1\nset key outside below noenhanced\n"
           "set xlabel noenhanced offset 0,0.4\nset ylabel noenhanced\nset title noenhanced font ',14'\n"
           "set autoscale xfix\nset offsets graph 0, graph 0.01, graph 0.05, graph 0.05\n",
           plot.from_zero ? "set yrange [0:*]\n" : "", plot.to_hundred ? "set yrange [*:100]\n" : "",
           plot.log_y ? "set logscale y\nset format y '10^{%L}'\nset offsets 0, 0, 0, 0\n" : "", "set title ",
           quoted(plot.title), "\nset xlabel ", quoted(plot.x), "\nset ylabel ", quoted(plot.y), '\n');
  std::string curves;
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    bool any = false;
    out += text("$c", static_cast<int>(i), " << EOD\n");
    for (const auto& [x, y] : curve.points) {
      if (drawn(plot, y)) out += text(x, ' ', y, '\n');
      any = any || drawn(plot, y);
    }
    out += "EOD\n";
    if (!any) continue;
    const char* const colour = palette[static_cast<std::size_t>(curve.colour) % palette.size()];
    // A single point is no line.
    const char* const style = curve.points.size() > 30 ? "lines" : "linespoints pt 7 ps 0.4";
    curves += text(curves.empty() ? "plot " : ", ", "$c", static_cast<int>(i), " with ", style, " lc rgb '",
                   curve.faint ? "#40" : "#", colour + 1, "' lw ", curve.faint ? 1 : 2, curve.dashed ? " dt 2" : "",
                   curve.title.empty() ? std::string(" notitle") : text(" title ", quoted(curve.title)));
  }
  return curves.empty() ? std::string() : out + curves + '\n';
}

}  // namespace

bool can_plot() { return !output_of("gnuplot --version 2>/dev/null").empty(); }

std::string svg(const Plot& plot) {
  // Names of elements must differ within a page.
  static std::atomic<int> count{0};
  const std::string commands = commands_for(plot, ++count);
  const Script script;
  if (commands.empty() || !script.write(commands)) return {};
  const std::string out = output_of("gnuplot '" + script.path() + "' 2>/dev/null");
  const std::size_t begin = out.find("<svg");
  return begin == std::string::npos ? std::string() : out.substr(begin);
}

}  // namespace ebb
