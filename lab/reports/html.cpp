#include "lab/reports/html.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb::html {
namespace {

constexpr const char* style_sheet = R"(
  :root { color-scheme: light; }
  body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; color: #222; background: #fff; max-width: 1280px;
         margin: 2em auto; padding: 0 1.5em; }
  h1 { font-size: 1.6em; margin: 0 0 .2em; } h2 { font-size: 1.2em; margin: 2em 0 .6em; }
  .sub { color: #666; margin: 0 0 1.4em; } .mono, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
  .cards { display: flex; flex-wrap: wrap; gap: .8em; }
  .card { border: 1px solid #ddd; border-radius: 6px; padding: .6em 1em; min-width: 7.5em; }
  .card b { display: block; font-size: 1.35em; } .card span { color: #666; font-size: .85em; }
  .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr)); gap: 1em; }
  .figures svg { width: 100%; height: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .4em 0; }
  th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #eee; }
  th { border-bottom: 1px solid #999; font-weight: 600; } th:first-child, td:first-child { text-align: left; }
  .text td { text-align: left; overflow-wrap: anywhere; }
  .confusion td { text-align: center; min-width: 2.6em; border: 1px solid #fff; } .confusion th { text-align: center; }
  .confusion tbody th { text-align: right; font-weight: 400; border: none; }
  .mistakes { display: flex; flex-wrap: wrap; gap: .8em; }
  .mistakes figure { margin: 0; text-align: center; font-size: .82em; width: 104px; }
  .mistakes img { width: 96px; height: 96px; image-rendering: pixelated; border: 1px solid #ccc; }
  .mistakes .no { color: #b33; } .note { background: #fff7e0; border: 1px solid #e8d48a; padding: .5em .8em; }
  pre { background: #f6f6f6; padding: .8em 1em; overflow-x: auto; font-size: .85em; } details { margin: .6em 0; }
)";

std::string numbers(const Plot& plot) {
  std::string out = text("<h3>", escape(plot.title), "</h3>");
  for (const Curve& curve : plot.curves) {
    if (curve.faint) continue;
    constexpr std::size_t rows = 50;
    const std::size_t stride = (curve.points.size() + rows - 1) / rows;
    std::vector<std::vector<std::string>> lines;
    for (std::size_t i = 0; i < curve.points.size(); i += std::max<std::size_t>(1, stride))
      lines.push_back({text(curve.points[i].first), text(curve.points[i].second)});
    out += table({escape(plot.x), escape(curve.title)}, lines);
  }
  return out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else if (c == '"') out += "&quot;";
    else if (c == '\'') out += "&#39;";
    else out += c;
  }
  return out;
}

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table><thead><tr>";
  for (const std::string& cell : head) out += text("<th>", cell, "</th>");
  out += "</tr></thead><tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += text("<td>", cell, "</td>");
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

std::string figures(const std::vector<Plot>& plots) {
  std::string out = "<div class=\"figures\">\n";
  if (can_plot()) {
    for (const Plot& plot : plots) out += svg(plot);
    return out + "</div>\n";
  }
  out.insert(0, "<p class=\"note\">gnuplot is not installed: the curves stand in tables.</p>\n");
  for (const Plot& plot : plots) out += text("<div>", numbers(plot), "</div>\n");
  return out + "</div>\n";
}

std::string page(const std::string& title, const std::string& body) {
  return text("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", escape(title),
              "</title>\n<style>", style_sheet, "</style>\n</head>\n<body>\n", body, "</body>\n</html>\n");
}

}  // namespace ebb::html
