#include "lab/audit/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/audit/blocks.h"
#include "lab/format/escape.h"

namespace ebb {
namespace {

using detail::Block;
using detail::Blocks;
using detail::Wire;
using html::escape;

// Lengths in pixels.
constexpr std::size_t most_lines = 160, most_lanes = 10, most_named = 12;
constexpr double lane = 15, box_height = 28, line_gap = 14, joint = 9, main_box = 312, norm_box = 176,
                 legend_width = 270;

struct Look {
  char letter;
  const char* colour;
  const char* meaning;
};

constexpr std::array<Look, positions> looks{{
    {'P', "#0072b2", "decay acts on the function"},
    {'N', "#e69f00", "scale is ignored: decay makes it turn"},
    {'C', "#555e68", "the norm behind it removes it"},
    {'J', "#56b4e9", "scale and shift together: ignored"},
    {'R', "#009e73", "weighs a branch of an addition"},
    {'H', "#cc5aa0", "decay holds the logits down"},
    {'T', "#f0e442", "used at several places"},
    {'U', "#d55e00", "no path to the loss"},
}};

// How wide a text is in a common sans serif of this size, rather too wide than too narrow.
double width_of(std::string_view words, double size) {
  double out = 0;
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0xe0) out += 1.0;
    else if (byte < 0x80 || byte >= 0xc0)
      out += byte == 'w' || byte == 'm' || (byte >= 'A' && byte <= 'Z') ? 0.8 : 0.62;
  }
  return out * size;
}

// The text, or its beginning and its end, which tell layers apart, no wider than `most`.
std::string fitted(std::string_view raw, double size, double most) {
  const std::string words = printable_line(raw);
  if (width_of(words, size) <= most) return words;
  const auto within = [](unsigned char c) { return (c & 0xc0u) == 0x80u; };
  std::size_t head = 0, tail = words.size();
  const double half = (most - size) / 2;
  const auto next = [&](std::size_t i) {
    do ++i;
    while (i < words.size() && within(static_cast<unsigned char>(words[i])));
    return i;
  };
  while (head < words.size() && width_of(std::string_view(words).substr(0, next(head)), size) <= half)
    head = next(head);
  while (tail > head) {
    std::size_t before = tail - 1;
    while (before > head && within(static_cast<unsigned char>(words[before]))) --before;
    if (width_of(std::string_view(words).substr(before), size) > half) break;
    tail = before;
  }
  return words.substr(0, head) + "\u2026" + words.substr(tail);
}

std::string number(double value) { return rounded(value, 4); }

template <class... Parts>
std::string words(double x, double y, double size, const char* kind, const Parts&... parts) {
  return text("<text x=\"", number(x), "\" y=\"", number(y), "\" font-size=\"", number(size), '"', kind, '>',
              escape(text(parts...)), "</text>\n");
}

constexpr const char *soft = " class=\"soft\" fill=\"#5d6672\"", *bold = " fill=\"#1c2127\" font-weight=\"600\"",
                     *middle = " fill=\"#1c2127\" text-anchor=\"middle\" font-weight=\"700\"",
                     *plain = " fill=\"#1c2127\"";

// Parameters of one op that are drawn in one box: of one module, at one position, decayed alike.
struct Box {
  std::string module;               // path without the last name
  std::vector<std::string> names;   // last names
  std::vector<const AuditRow*> of;  // rows
};

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? std::pair{std::string(), path}
                                  : std::pair{path.substr(0, dot), path.substr(dot + 1)};
}

// "3x3, 16 to 32" of a filter's shape.
std::string size_text(const Shape& shape) {
  if (shape.rank() == 4) return text(shape[0], "\u00d7", shape[1], ", ", shape[2], " \u2192 ", shape[3]);
  if (shape.rank() == 2) return text(shape[0], " \u2192 ", shape[1]);
  return {};
}

class Picture {
 public:
  Picture(const std::vector<AuditRow>& rows, const std::vector<NetworkValue>& values)
      : rows_(rows), values_(values), blocks_(detail::blocks_of(values, most_lines)) {
    lanes_.reserve(blocks_.wires.size());
    choose_lanes();
    left_ = 16 + lane * static_cast<double>(std::max<std::size_t>(1, lane_count_));
    spine_ = left_ + 28;
    with_decay_ = std::ranges::any_of(rows, [](const AuditRow& r) { return !r.group.empty(); });
  }

  std::string svg() {
    for (const Block& block : blocks_.list) draw(block);
    for (std::size_t w = 0; w < blocks_.wires.size(); ++w) draw_wire(blocks_.wires[w], lanes_[w]);
    draw_left_out();
    const double legend_at = right_ + 32;
    const double legend_end = legend(legend_at);
    const double width = legend_at + legend_width, height = std::max(y_, legend_end) + 8;
    return text("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"network\" width=\"", number(width), "\" height=\"",
                number(height), "\" viewBox=\"0 0 ", number(width), ' ', number(height),
                "\" role=\"img\" aria-label=\"the network, its parameters by what decay does to them\" "
                "font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\">\n<rect class=\"paper\" width=\"",
                number(width), "\" height=\"", number(height), "\" fill=\"#ffffff\"/>\n", out_, "</svg>\n");
  }

 private:
  // The innermost lane that is free all the way.
  void choose_lanes() {
    std::vector<std::vector<Wire>> taken(most_lanes);
    for (const Wire& w : blocks_.wires) {
      std::size_t l = 0;
      const auto crossed = [&](const Wire& other) { return other.from < w.to && w.from < other.to; };
      while (l + 1 < most_lanes && std::ranges::any_of(taken[l], crossed)) ++l;
      taken[l].push_back(w);
      lanes_.push_back(l);
      lane_count_ = std::max(lane_count_, l + 1);
    }
  }

  void line(double x1, double y1, double x2, double y2) {
    out_ += text("<path class=\"line\" fill=\"none\" stroke=\"#5d6672\" stroke-width=\"1.6\" d=\"M", number(x1), ' ',
                 number(y1), 'L', number(x2), ' ', number(y2), "\"/>\n");
  }
  void arrow_head(double x, double y, double dx, double dy) {
    out_ += text("<path class=\"head\" fill=\"#5d6672\" d=\"M", number(x), ' ', number(y), 'L',
                 number(x - 7 * dx - 4 * dy), ' ', number(y - 7 * dy - 4 * dx), 'L', number(x - 7 * dx + 4 * dy), ' ',
                 number(y - 7 * dy + 4 * dx), "z\"/>\n");
  }

  void draw(const Block& block) {
    const double top = y_ + (places_.empty() ? 0 : line_gap);
    if (block.follows) {
      line(spine_, places_.back().bottom, spine_, top - 4);
      arrow_head(spine_, top, 0, 1);
    }
    y_ = top + (block.kind == Block::Kind::join ? 2 * joint : box_height);
    const double centre = (top + y_) / 2;
    places_.push_back({.centre = centre, .bottom = y_, .join = block.kind == Block::Kind::join});
    switch (block.kind) {
      case Block::Kind::input: round_box(centre, "data"); break;
      case Block::Kind::fold: draw_fold(block, centre); break;
      case Block::Kind::join: draw_join(block, centre); break;
      case Block::Kind::ops: draw_ops(block, centre); break;
    }
  }

  void round_box(double centre, std::string_view what) {
    const double width = width_of(what, 13) + 36;
    out_ += text("<rect class=\"line\" fill=\"none\" stroke=\"#5d6672\" x=\"", number(left_), "\" y=\"",
                 number(centre - box_height / 2), "\" width=\"", number(width), "\" height=\"", number(box_height),
                 "\" rx=\"14\"/>\n", words(left_ + 16, centre + 4.5, 13, plain, what));
    right_ = std::max(right_, left_ + width);
  }

  void draw_join(const Block& block, double centre) {
    const std::string& op = values_[block.values[0]].op;
    const char* const sign = op.starts_with("add") ? "+" : op == "sub" ? "\u2212" : op == "mul" ? "\u00d7" : "";
    out_ += text("<circle class=\"line\" fill=\"none\" stroke=\"#1c2127\" stroke-width=\"1.6\" cx=\"", number(spine_),
                 "\" cy=\"", number(centre), "\" r=\"", number(joint), "\"/>\n",
                 words(spine_, centre + 5, 15, middle, sign));
    std::string rest = *sign == '\0' ? op : op.ends_with("_relu") ? "relu" : "";
    for (std::size_t k = 1; k < block.values.size(); ++k)
      rest += (rest.empty() ? "" : ", ") + values_[block.values[k]].op;
    note(spine_ + joint + 8, centre, rest);
  }

  void draw_fold(const Block& block, double centre) {
    std::map<Position, int> counts;
    for (const std::size_t i : block.values)
      for (const std::int32_t input : values_[i].inputs)
        if (input >= 0 && values_[static_cast<std::size_t>(input)].parameter >= 0)
          ++counts[rows_[static_cast<std::size_t>(values_[static_cast<std::size_t>(input)].parameter)].position];
    std::string what = text("\u22ee  ", block.values.size(), " more ops");
    for (const auto& [position, count] : counts) what += text(", ", count, ' ', name(position));
    round_box(centre, what);
  }

  void draw_ops(const Block& block, double centre) {
    double x = left_;
    std::string rest, near;  // what has no box yet; the module that holds the first one
    bool first = true;
    for (const std::size_t i : block.values) {
      const NetworkValue& value = values_[i];
      std::vector<Box> boxes = boxes_of(value);
      if (boxes.empty()) {
        rest += (rest.empty() ? "" : ", ") + value.op;
        continue;
      }
      if (!rest.empty()) x = note(x, centre, std::exchange(rest, {}));
      if (!first) line(x, centre, x + 12, centre), x += 12;
      double room = first ? main_box : norm_box;
      for (std::size_t b = 0; b < boxes.size(); ++b) {
        const bool main = b == 0;
        const double width = main ? room - 62 * static_cast<double>(std::min<std::size_t>(2, boxes.size() - 1)) : 58;
        x = box(x, centre, width, boxes[b], main, near);
        if (b + 1 < boxes.size()) x += 4;
      }
      if (value.op.ends_with("_relu")) rest = "relu";
      near = split(boxes[0].module).first;
      first = false;
    }
    if (first) round_box(centre, fitted(rest, 13, main_box - 36));
    else if (!rest.empty()) note(x + 10, centre, rest);
  }

  double note(double x, double centre, const std::string& what) {
    const std::string shown = fitted(what, 12, 220);
    out_ += words(x, centre + 4.5, 12, soft, shown);
    const double end = x + width_of(shown, 12) + 6;
    right_ = std::max(right_, end);
    return end;
  }

  std::vector<Box> boxes_of(const NetworkValue& value) const {
    std::vector<Box> out;
    for (const std::int32_t input : value.inputs) {
      const int p = input < 0 ? -1 : values_[static_cast<std::size_t>(input)].parameter;
      if (p < 0) continue;
      const AuditRow& row = rows_[static_cast<std::size_t>(p)];
      const auto [module, last] = split(row.path);
      const auto same = std::ranges::find_if(out, [&, m = module](const Box& b) {
        return b.module == m && b.of[0]->position == row.position && b.of[0]->decayed == row.decayed;
      });
      if (same == out.end()) out.push_back({.module = module, .names = {last}, .of = {&row}});
      else same->names.push_back(last), same->of.push_back(&row);
    }
    return out;
  }

  static std::string tip(const Box& box) {
    std::string out;
    for (const AuditRow* const row : box.of) {
      out += text(out.empty() ? "" : "\n", row->path, ": ", name(row->position));
      if (!row->granularity.empty())
        out += text(", by ", row->granularity, row->joint > 1 ? text(", joint of ", row->joint) : "");
      if (!row->group.empty()) out += text(", ", row->decay);
      if (std::isfinite(row->predicted_norm)) out += text(", at rest |w| = ", number(row->predicted_norm));
    }
    return out;
  }

  // A box from x on; returns where it ends. Modules of `near` are called by their last name.
  double box(double x, double centre, double width, const Box& box, bool main, const std::string& near = {}) {
    const AuditRow& row = *box.of[0];
    const double top = centre - box_height / 2;
    out_ += text("<g><title>", escape(tip(box)), "</title>\n");
    sample(x, top, width, box_height, row.position, row.decayed);
    std::string title = main && !box.module.empty() ? box.module : box.names[0], detail;
    if (main && !near.empty() && title.starts_with(near + '.')) title.erase(0, near.size() + 1);
    if (main) {
      detail = size_text(row.shape);
      for (std::size_t k = detail.empty() || box.module.empty() ? 0 : 1; k < box.names.size(); ++k)
        if (!(box.module.empty() && k == 0)) detail += (detail.empty() ? "" : ", ") + box.names[k];
    }
    const double room = width - 30;
    detail = fitted(detail, 11, room * 0.6);
    const double detail_width = detail.empty() ? 0 : width_of(detail, 11) * 0.94;
    out_ += words(x + 8, centre + 4.5, main ? 13 : 11, bold, fitted(title, main ? 13 : 11, room - detail_width));
    if (!detail.empty()) out_ += words(x + width - 24 - detail_width, centre + 4.5, 11, plain, detail);
    out_ += words(x + width - 12, centre + 4.5, 12, middle, letter(row.position)) + "</g>\n";
    right_ = std::max(right_, x + width);
    return x + width;
  }

  void sample(double x, double y, double width, double height, Position position, bool decayed) {
    out_ += text("<rect class=\"", decayed ? "decayed" : "box", "\" fill=\"", colour(position),
                 "\" fill-opacity=\"0.34\" stroke=\"", decayed ? "#1c2127" : "#9aa3ad", "\" stroke-width=\"",
                 decayed ? "2.2" : "1", "\" x=\"", number(x), "\" y=\"", number(y), "\" width=\"", number(width),
                 "\" height=\"", number(height), "\" rx=\"4\"/>\n");
  }

  void draw_wire(const Wire& wire, std::size_t number_of_lane) {
    const Place &from = places_[wire.from], &to = places_[wire.to];
    const double x = left_ - 14 - lane * static_cast<double>(number_of_lane), bend = 7;
    const auto edge = [&](const Place& place) { return place.join ? spine_ - joint + 1 : left_; };
    // What comes in and what goes out of one line do not lie upon each other.
    const double start = from.centre + (from.join ? 4 : 6), end = to.centre - (to.join ? 4 : 6);
    out_ += text("<path class=\"line\" fill=\"none\" stroke=\"#5d6672\" stroke-width=\"1.6\" d=\"M", number(edge(from)),
                 ' ', number(start), 'H', number(x + bend), 'Q', number(x), ' ', number(start), ' ', number(x), ' ',
                 number(start + bend), 'V', number(end - bend), 'Q', number(x), ' ', number(end), ' ', number(x + bend),
                 ' ', number(end), 'H', number(edge(to) - 4), "\"/>\n");
    arrow_head(edge(to), end, 1, 0);
  }

  // Parameters that are not part of the pass.
  void draw_left_out() {
    for (const bool frozen : {false, true}) {
      std::vector<const AuditRow*> those;
      for (const AuditRow& row : rows_)
        if (row.position == Position::unused && row.frozen == frozen) those.push_back(&row);
      if (those.empty()) continue;
      y_ += 26;
      out_ += words(left_, y_, 13, bold, frozen ? "frozen: constants of the pass" : "no path to the loss");
      y_ += 8;
      for (std::size_t k = 0; k < std::min(most_named, those.size()); ++k) {
        y_ += box_height + 6;
        const auto [module, last] = split(those[k]->path);
        box(left_, y_ - box_height / 2, main_box, {.module = module, .names = {last}, .of = {those[k]}}, true);
      }
      if (those.size() > most_named) {
        y_ += 20;
        out_ += words(left_, y_, 12, soft, "and ", those.size() - most_named, " more");
      }
    }
  }

  // Returns where it ends.
  double legend(double x) {
    double y = 22;
    out_ += words(x, y, 14, bold, "What decay meets");
    for (int p = 0; p < positions; ++p) {
      const auto position = static_cast<Position>(p);
      const auto count = std::ranges::count_if(rows_, [&](const AuditRow& r) { return r.position == position; });
      if (count == 0) continue;
      y += 44;
      sample(x, y - 24, 26, 26, position, false);
      out_ += words(x + 13, y - 6, 12, middle, letter(position)) +
              words(x + 36, y - 13, 13, bold, name(position), " (", count, ')') +
              words(x + 36, y + 3, 11, soft, meaning(position));
    }
    if (with_decay_) {
      y += 44;
      out_ += text("<rect class=\"decayed\" fill=\"none\" stroke=\"#1c2127\" stroke-width=\"2.2\" x=\"", number(x),
                   "\" y=\"", number(y - 24), "\" width=\"26\" height=\"26\" rx=\"4\"/>\n",
                   words(x + 36, y - 6, 13, plain, "heavy outline: decayed"));
    }
    return y + 16;
  }

  struct Place {
    double centre = 0, bottom = 0;
    bool join = false;
  };

  const std::vector<AuditRow>& rows_;
  const std::vector<NetworkValue>& values_;
  Blocks blocks_;
  std::vector<std::size_t> lanes_;  // of the wires
  std::size_t lane_count_ = 0;
  double left_ = 0, spine_ = 0, right_ = 0, y_ = 8;
  bool with_decay_ = false;
  std::vector<Place> places_;  // of the blocks
  std::string out_;
};

}  // namespace

const char* colour(Position position) { return looks[static_cast<std::size_t>(position)].colour; }
char letter(Position position) { return looks[static_cast<std::size_t>(position)].letter; }
const char* meaning(Position position) { return looks[static_cast<std::size_t>(position)].meaning; }

std::string audit_drawing(const std::vector<AuditRow>& rows, const std::vector<NetworkValue>& values) {
  return Picture(rows, values).svg();
}

}  // namespace ebb
