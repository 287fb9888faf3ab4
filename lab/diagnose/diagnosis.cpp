#include "lab/diagnose/diagnosis.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/csv.h"

namespace ebb {
namespace {

using Row = DiagnosisRow;

constexpr std::size_t most_rows = 1'000'000;

// The columns that are text.
struct TextColumn {
  const char* name;
  std::string Row::*member;
};
constexpr TextColumn texts[] = {
    {"parameter", &Row::parameter}, {"position", &Row::position}, {"role", &Row::role}, {"group", &Row::group}};

DiagnosisColumn column(const char* name, std::int64_t Row::*member) {
  return {name, [=](const Row& row) { return static_cast<double>(row.*member); },
          [=](Row& row, double value) {
            row.*member = value > -1e15 && value < 1e15 ? static_cast<std::int64_t>(value) : 0;
          }};
}

DiagnosisColumn column(const char* name, double Row::*member) {
  return {name, [=](const Row& row) { return row.*member; }, [=](Row& row, double value) { row.*member = value; }};
}

DiagnosisColumn column(std::string name, ChannelSpread Row::*spread, double ChannelSpread::*member) {
  return {std::move(name), [=](const Row& row) { return row.*spread.*member; },
          [=](Row& row, double value) { row.*spread.*member = value; }};
}

void add(std::vector<DiagnosisColumn>& to, const char* name, ChannelSpread Row::*spread) {
  const std::string base = name;
  to.push_back(column(base, spread, &ChannelSpread::median));
  to.push_back(column(base + "_low", spread, &ChannelSpread::low));
  to.push_back(column(base + "_high", spread, &ChannelSpread::high));
}

std::vector<DiagnosisColumn> all_columns() {
  std::vector<DiagnosisColumn> out{column("step", &Row::step),     column("epoch", &Row::epoch),
                                   column("values", &Row::values), column("channels", &Row::channels),
                                   column("joint", &Row::joint),   column("measured", &Row::measured),
                                   column("lr", &Row::lr),         column("lambda", &Row::lambda),
                                   column("shrink", &Row::shrink), column("left", &Row::left)};
  add(out, "norm", &Row::norm);
  out.push_back(column("norm_predicted", &Row::predicted_norm));
  add(out, "norm_ratio", &Row::norm_ratio);
  add(out, "angle", &Row::angle);
  out.push_back(column("angle_predicted", &Row::predicted_angle));
  add(out, "angle_ratio", &Row::angle_ratio);
  add(out, "gradient", &Row::gradient);
  add(out, "gradient_at_unit", &Row::gradient_at_unit);
  add(out, "relative_gradient", &Row::relative_gradient);
  out.push_back(column("relative_gradient_predicted", &Row::predicted_relative));
  add(out, "cosine_gradient", &Row::cosine_gradient);
  add(out, "update", &Row::update);
  add(out, "cosine_update", &Row::cosine_update);
  add(out, "effective_lr", &Row::effective_lr);
  add(out, "lag", &Row::lag);
  for (const DiagnosisColumn& c :
       {column("norm_doubled", &Row::doubled_norm), column("angle_doubled", &Row::doubled_angle),
        column("relaxation", &Row::relaxation), column("drift", &Row::drift), column("balance", &Row::balance)})
    out.push_back(c);
  out.push_back({"at_rest", [](const Row& row) { return row.at_rest ? 1.0 : 0.0; },
                 [](Row& row, double value) { row.at_rest = value == 1; }});
  for (const DiagnosisColumn& c :
       {column("whole_norm", &Row::whole_norm), column("class_mean", &Row::class_mean), column("dead", &Row::dead)})
    out.push_back(c);
  return out;
}

std::string number_text(double value) { return std::isnan(value) ? std::string() : rounded(value, 6); }

// Takes one line's fields off the front of `text`.
std::vector<std::string> next_line(std::string_view& text, const std::string& where, std::size_t line) {
  std::vector<std::string> fields(1);
  bool inside = false;
  std::size_t i = 0;
  for (; i < text.size() && (inside || text[i] != '\n'); ++i) {
    const char c = text[i];
    if (c == '"' && inside && i + 1 < text.size() && text[i + 1] == '"') fields.back() += text[i++];
    else if (c == '"') inside = !inside;
    else if (c == ',' && !inside) fields.emplace_back();
    else if (c != '\r' || inside) fields.back() += c;
    if (fields.size() > 1000) fail(where, ebb::text("line ", line, " of more than 1,000 fields"), "a table of Ebb's");
  }
  if (inside) fail(where, ebb::text("line ", line, " with a quote that does not end"), "a closing quote");
  text.remove_prefix(std::min(text.size(), i + 1));
  return fields;
}

double number_from(const std::string& field, const std::string& where, std::size_t line, const std::string& column) {
  if (field.empty()) return Row::missing;
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size())
    fail(where, ebb::text(in_quotes(field), " in line ", line, ", column ", column), "a number, or nothing");
  return value;
}

}  // namespace

ChannelSpread spread_of_channels(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {.median = at(0.5), .low = at(0.1), .high = at(0.9)};
}

const std::vector<DiagnosisColumn>& diagnosis_columns() {
  static const std::vector<DiagnosisColumn> all = all_columns();
  return all;
}

std::string to_csv(const std::vector<DiagnosisRow>& rows) {
  std::string out;
  for (const TextColumn& t : texts) out += ebb::text(out.empty() ? "" : ",", t.name);
  for (const DiagnosisColumn& c : diagnosis_columns()) out += ',' + c.name;
  out += '\n';
  for (const DiagnosisRow& row : rows) {
    for (const TextColumn& t : texts) out += (&t == texts ? "" : ",") + csv_field(row.*t.member);
    for (const DiagnosisColumn& c : diagnosis_columns()) out += ',' + number_text(c.get(row));
    out += '\n';
  }
  return out;
}

std::vector<DiagnosisRow> diagnosis_from_csv(std::string_view text, const std::string& where) {
  if (text.empty()) fail(where, "no line", "a line with the names of the columns");
  const std::vector<std::string> head = next_line(text, where, 1);
  const auto place_of = [&](const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(head, name) - head.begin());
  };
  if (place_of("parameter") == head.size() || place_of("step") == head.size())
    fail(where, "a first line without parameter and step", "the names of the columns", "see docs/laboratory.md");
  std::vector<DiagnosisRow> rows;
  for (std::size_t line = 2; !text.empty(); ++line) {
    const std::vector<std::string> fields = next_line(text, where, line);
    if (fields.size() != head.size())
      fail(where, ebb::text(fields.size(), " fields in line ", line), ebb::text(head.size(), ", as in the first line"));
    if (rows.size() == most_rows) fail(where, ebb::text("more than ", most_rows, " rows"), "fewer");
    DiagnosisRow& row = rows.emplace_back();
    for (const TextColumn& t : texts)
      if (const std::size_t at = place_of(t.name); at < head.size()) row.*t.member = fields[at];
    for (const DiagnosisColumn& c : diagnosis_columns())
      if (const std::size_t at = place_of(c.name); at < head.size())
        c.set(row, number_from(fields[at], where, line, c.name));
  }
  return rows;
}

}  // namespace ebb
