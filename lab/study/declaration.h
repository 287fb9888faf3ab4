// What a study declares, as text: private to the runner and the pages.
#pragma once

#include <string>
#include <vector>

#include "lab/study/study.h"

namespace ebb {

// A study as it is run.
struct StudyPlan {
  const Study* study = nullptr;
  Tier tier = Tier::T2;                   // at most the study's
  std::vector<std::uint64_t> pairs = {};  // ascending
  std::string checksums = {};             // of its data: StudyData::checksums()
  std::string program = "ebb study";      // see StudyRunOptions
};

// By what trials are known again: SHA-256 of the declaration (factors, arms, claims, version), the tier, the data, the
// version of Ebb and the instruction set. Another key makes a trial stale.
std::string study_key(const StudyPlan& plan);

// What a page was made of: SHA-256 of the declaration alone, whatever tier, data and build. Another bound or band of a
// claim, another factor or another version gives another one.
std::string study_revision(const Study& study);

// study.json: the declaration, pairs, data, and the surroundings.
std::string study_json(const StudyPlan& plan);

// What study.json says of a run that is past.
struct StudyRecord {
  std::vector<std::uint64_t> pairs = {};
  std::string key = {};
  std::string checksums = {};
  std::vector<std::pair<std::string, std::string>> environment = {};  // key and value
};

// \throws Error naming `where` when the text is not study_json()'s.
StudyRecord study_record(const std::string& json, const std::string& where);

}  // namespace ebb
