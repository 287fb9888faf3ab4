// An audit for programs: written and read.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/io/json_nesting.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/audit/audit_record.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_listed = 100'000;  // parameters or values
constexpr const char* an_audit = "an audit as Ebb writes it";

Json or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// Numbers of a row by their keys.
constexpr std::pair<const char*, double AuditRow::*> row_numbers[] = {
    {"lr", &AuditRow::lr},
    {"shrink", &AuditRow::shrink},
    {"timescale_steps", &AuditRow::timescale_steps},
    {"timescale_epochs", &AuditRow::timescale_epochs},
    {"left", &AuditRow::left},
    {"norm", &AuditRow::norm},
    {"gradient_at_unit_norm", &AuditRow::gradient_at_unit_norm},
    {"predicted_norm", &AuditRow::predicted_norm},
    {"predicted_angle", &AuditRow::predicted_angle},
    {"doubled_norm", &AuditRow::doubled_norm},
    {"doubled_angle", &AuditRow::doubled_angle},
    {"effective_lr", &AuditRow::effective_lr}};

std::vector<std::int64_t> dims_of(const Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }

Json to_json(const AuditRow& r) {
  Json out{{"path", r.path},
           {"role", name(r.role)},
           {"shape", dims_of(r.shape)},
           {"position", name(r.position)},
           {"granularity", r.granularity},
           {"joint", r.joint},
           {"group", r.group},
           {"decay", r.decay},
           {"frozen", r.frozen},
           {"decayed", r.decayed}};
  for (const auto& [key, member] : row_numbers) out[key] = or_null(r.*member);
  return out;
}

Json to_json(const AuditedSymmetry& s) {
  Json out{{"kind", name(s.symmetry.kind)},
           {"granularity", s.symmetry.granularity()},
           {"units", s.symmetry.units.size()},
           {"law", s.law},
           {"confirmed", s.probe ? Json(s.probe->confirmed) : Json(nullptr)}};
  if (s.probe) out["exact"] = s.probe->exact, out["change"] = or_null(s.probe->change);
  for (const Symmetry::Part& part : s.symmetry.parts)
    out["parts"].push_back({{"path", part.path}, {"power", part.power}, {"rows", part.rows}});
  return out;
}

Json to_json(const NetworkValue& v) {
  Json out{{"op", v.op}, {"inputs", v.inputs}, {"shape", dims_of(v.shape)}, {"to_loss", v.to_loss}};
  if (v.parameter >= 0) out["parameter"] = v.parameter;
  return out;
}

// The text of a file; what is no UTF-8 is replaced.
std::string dumped(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n'; }

// The value of an enumeration with this name.
template <class E>
E named(const std::string& wanted_name, int last, const std::string& where) {
  for (int e = 0; e <= last; ++e)
    if (wanted_name == name(static_cast<E>(e))) return static_cast<E>(e);
  fail(where, in_quotes(wanted_name), an_audit);
}

const Json& list(const Json& all, const char* key, const std::string& where) {
  const Json& out = all.at(key);
  if (!out.is_array() || out.size() > most_listed)
    fail(where, text(key, " that are no list of at most ", most_listed, " entries"), an_audit);
  return out;
}

Shape shape_from(const Json& json, const std::string& where) {
  const auto dims = json.get<std::vector<std::int64_t>>();
  try {
    return Shape(dims);
  } catch (const Error& error) {
    fail(where, text("a shape that no tensor has: ", error.what()), an_audit);
  }
}

AuditRow row_from(const Json& json, const std::string& where) {
  AuditRow out{.path = json.at("path").get<std::string>()};
  out.role = named<Role>(json.at("role").get<std::string>(), static_cast<int>(Role::other), where);
  out.shape = shape_from(json.at("shape"), where);
  out.position = named<Position>(json.at("position").get<std::string>(), positions - 1, where);
  out.granularity = json.at("granularity").get<std::string>();
  out.joint = json.value("joint", std::int64_t{1});
  out.group = json.at("group").get<std::string>();
  out.decay = json.at("decay").get<std::string>();
  out.frozen = json.at("frozen").get<bool>();
  out.decayed = json.at("decayed").get<bool>();
  for (const auto& [key, member] : row_numbers)
    if (const Json& value = json.at(key); !value.is_null()) out.*member = value.get<double>();
  return out;
}

NetworkValue value_from(const Json& json, std::size_t number, std::size_t rows, const std::string& where) {
  NetworkValue out{.op = json.at("op").get<std::string>()};
  out.shape = shape_from(json.at("shape"), where);
  out.to_loss = json.at("to_loss").get<bool>();
  for (const Json& input : list(json, "inputs", where)) {
    const auto from = input.get<std::int64_t>();
    if (from < -1 || from >= static_cast<std::int64_t>(number))
      fail(where, "a value that reads what comes later", an_audit);
    out.inputs.push_back(static_cast<std::int32_t>(from));
  }
  if (const auto p = json.find("parameter"); p != json.end()) {
    const auto parameter = p->get<std::int64_t>();
    if (parameter < 0 || parameter >= static_cast<std::int64_t>(rows))
      fail(where, "a parameter that is not there", an_audit);
    out.parameter = static_cast<int>(parameter);
  }
  return out;
}

}  // namespace

std::string Audit::json() const {
  Json all{{"parameters", Json::array()}, {"symmetries", Json::array()}, {"network", Json::array()}};
  for (const AuditRow& row : rows) all["parameters"].push_back(to_json(row));
  for (const AuditedSymmetry& s : symmetries) all["symmetries"].push_back(to_json(s));
  for (const NetworkValue& value : network.values) all["network"].push_back(to_json(value));
  all["problems"] = problems;
  all["warnings"] = warnings;
  return dumped(all);
}

AuditFile audit_file(const std::function<Audit()>& record) {
  try {
    const Audit found = record();
    return {found.json(), found.problems};
  } catch (const std::exception& error) {
    return {dumped({{"refused", error.what()}}), {text("there is no audit of this network: ", error.what())}};
  }
}

AuditRecord audit_record_from_json(const std::string& json, const std::string& where) {
  try {
    require_json_nesting(json, where);
    const Json all = Json::parse(json);
    AuditRecord out;
    if (const auto refused = all.find("refused"); refused != all.end()) {
      out.refused = refused->get<std::string>();
      return out;
    }
    for (const Json& row : list(all, "parameters", where)) out.rows.push_back(row_from(row, where));
    for (const Json& value : list(all, "network", where))
      out.values.push_back(value_from(value, out.values.size(), out.rows.size(), where));
    for (const Json& problem : list(all, "problems", where)) out.problems.push_back(problem.get<std::string>());
    for (const Json& warning : list(all, "warnings", where)) out.warnings.push_back(warning.get<std::string>());
    return out;
  } catch (const Json::exception& error) {
    fail(where, text("what is no audit: ", error.what()), an_audit);
  }
}

}  // namespace ebb
