#include "lab/reports/marks.h"

#include <algorithm>
#include <array>

#include "framework/tensor/error.h"
#include "lab/format/escape.h"

namespace ebb::marks {
namespace {

// A circle, a square, ... in gnuplot's numbers; every other one is open.
struct Shape {
  int point_type;
  const char* outline;  // about 0 0, in SVG; empty: a circle
  bool open;
};

constexpr std::array<Shape, 8> shapes{{{7, "", false},
                                       {8, "0,-4.2 4,3 -4,3", true},
                                       {5, "-3,-3 3,-3 3,3 -3,3", false},
                                       {12, "0,-4.5 4.5,0 0,4.5 -4.5,0", true},
                                       {9, "0,-4.2 4,3 -4,3", false},
                                       {6, "", true},
                                       {13, "0,-4.5 4.5,0 0,4.5 -4.5,0", false},
                                       {4, "-3,-3 3,-3 3,3 -3,3", true}}};

const Shape& shape(std::size_t number) { return shapes.at(number % shapes.size()); }

// Faint ones are too pale to tell a curve by.
bool has_dots(const Plot& plot, const std::string& colour) {
  return std::ranges::any_of(plot.curves, [&](const Curve& c) { return c.dots && !c.faint && c.colour == colour; });
}

}  // namespace

std::vector<std::string> colours_of(const Plot& plot) {
  std::vector<std::string> out;
  for (const Curve& curve : plot.curves)
    if (std::ranges::find(out, curve.colour) == out.end()) out.push_back(curve.colour);
  return out;
}

std::size_t number_of(const std::string& colour, const std::vector<std::string>& colours) {
  const auto found = std::ranges::find(colours, colour);
  return found == colours.end() ? 0 : static_cast<std::size_t>(found - colours.begin());
}

int point_type(std::size_t number) { return shape(number).point_type; }

bool is_open(std::size_t number) { return shape(number).open; }

bool on_line(const Plot& plot, const Curve& curve) {
  if (curve.dots || curve.faint || has_dots(plot, curve.colour)) return false;
  return std::ranges::any_of(plot.curves, [&](const Curve& other) {
    return !other.dots && !other.faint && other.dashed == curve.dashed && other.colour != curve.colour &&
           !has_dots(plot, other.colour);
  });
}

std::vector<std::pair<double, double>> places_on(const std::vector<std::pair<double, double>>& line, std::size_t number,
                                                 std::size_t count, bool dashed) {
  const std::size_t most = count > 8 ? 3 : 6, stride = std::max<std::size_t>(1, line.size() / most);
  std::vector<std::pair<double, double>> out;
  const std::size_t first = (number * stride / std::max<std::size_t>(1, count) + (dashed ? stride / 2 : 0)) % stride;
  for (std::size_t i = first; i < line.size(); i += stride) out.push_back(line[i]);
  return out;
}

Look look_of(const Plot& plot, const Curve& curve, const std::vector<std::string>& colours) {
  return {.colour = curve.colour,
          .mark = number_of(curve.colour, colours),
          .dots = curve.dots,
          .dashed = curve.dashed,
          .faint = curve.faint,
          .marked = on_line(plot, curve)};
}

std::string sample(const Look& look, int left, int middle) {
  const std::string colour = html::escape(look.colour);
  std::string out;
  if (!look.dots)
    out += text("<line x1=\"", left, "\" x2=\"", left + 20, "\" y1=\"", middle, "\" y2=\"", middle, "\" stroke=\"",
                colour, "\" stroke-width=\"",
                look.faint    ? "1"
                : look.marked ? "2"
                              : "3",
                '"', look.dashed ? " stroke-dasharray=\"6,4\"" : "", "/>\n");
  if (!look.dots && !look.marked) return out;
  const Shape& of = shape(look.mark);
  const std::string paint = of.open ? text("fill=\"none\" stroke=\"", colour, "\" stroke-width=\"1.3\"/>\n")
                                    : text("fill=\"", colour, "\"/>\n");
  if (*of.outline == 0) return out + text("<circle cx=\"", left + 10, "\" cy=\"", middle, "\" r=\"3\" ", paint);
  return out +
         text("<polygon points=\"", of.outline, "\" transform=\"translate(", left + 10, ' ', middle, ")\" ", paint);
}

}  // namespace ebb::marks
