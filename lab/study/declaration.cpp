#include "lab/study/declaration.h"

#include <nlohmann/json.hpp>
#include <span>

#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/tensor/error.h"
#include "lab/runs/environment.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

// What results depend on and what is claimed of them.
Json declaration(const StudyPlan& plan) {
  const Study& study = *plan.study;
  Json json = {{"name", study.name}, {"version", study.version}, {"tier", name(plan.tier)}};
  json["factors"] = Json::array();
  for (const Factor& factor : study.factors)
    json["factors"].push_back({{"name", factor.name}, {"levels", factor.levels}});
  json["arms"] = Json::array();
  for (const Arm& arm : arms_of(study)) json["arms"].push_back(arm_text(arm));
  json["claims"] = Json::array();
  for (const Claim& claim : study.claims)
    json["claims"].push_back({{"id", claim.text.id},
                              {"statement", claim.text.statement},
                              {"kind", name(claim.kind)},
                              {"prediction", claim.prediction},
                              {"refutation", claim.refutation},
                              {"answers", claim.text.answers},
                              {"least", name(claim.least)}});
  json["data"] = plan.checksums;
  json["ebb"] = version();
  json["instruction_set"] = instruction_set();
  return json;
}

// Texts of a study are a program's own and may hold any bytes.
std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string study_key(const StudyPlan& plan) {
  const std::string text = dumped(declaration(plan));
  return sha256(std::as_bytes(std::span(text)));
}

std::string study_revision(const Study& study) {
  Json json = declaration({.study = &study});
  for (const char* const of_a_run : {"tier", "data", "ebb", "instruction_set"}) json.erase(of_a_run);
  const std::string text = dumped(json);
  return sha256(std::as_bytes(std::span(text)));
}

std::string study_json(const StudyPlan& plan) {
  const Study& study = *plan.study;
  Json json = declaration(plan);
  json["title"] = study.title;
  json["statement"] = study.statement;
  json["reference"] = study.reference;
  json["limits"] = study.limits;
  json["pairs"] = plan.pairs;
  json["key"] = study_key(plan);
  json["environment"] = Json::parse(surroundings_json());
  return dumped(json) + "\n";
}

StudyRecord study_record(const std::string& text_of_it, const std::string& where) {
  try {
    const Json json = Json::parse(text_of_it);
    StudyRecord out{.pairs = json.at("pairs").get<std::vector<std::uint64_t>>(),
                    .key = json.at("key").get<std::string>(),
                    .checksums = json.at("data").get<std::string>()};
    for (const auto& [key, value] : json.at("environment").items())
      out.environment.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    return out;
  } catch (const Json::exception& error) {
    fail(where, text("what is no description of a study: ", error.what()), "study.json as Ebb writes it",
         "run the study again");
  }
}

}  // namespace ebb
