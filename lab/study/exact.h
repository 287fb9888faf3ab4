/// \file
/// Identities with a number for what would be seen were they wrong.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lab/format/numbers.h"
#include "lab/study/claim.h"
#include "lab/study/results.h"

namespace ebb {

/// Records by how much an identity was missed, and by how much it would be were it wrong: what a broken twin shows.
inline void put_exact(Record& record, const std::string& what, double error, double effect) {
  record.put(what + ": error", std::abs(error));
  record.put(what + ": effect", std::abs(effect));
}

/// The claim about what put_exact() recorded.
inline Claim exact(ClaimText text, const std::string& what, double bound, Arm where = {}) {
  return identity(std::move(text), what + ": error", bound, what + ": effect", std::move(where));
}

/// The claim that every value of a measure is at least `floor`: that something does break.
inline Claim at_least(ClaimText text, const std::string& measure, double floor) {
  Claim out;
  out.text = std::move(text);
  out.kind = Claim::Kind::equilibrium;
  out.prediction = measure + ": at least " + significant(floor);
  out.refutation = "a lower value in any trial";
  out.judge = [=](const Results& results) {
    const std::vector<double> values = results.every(measure);
    double least = INFINITY, most = -INFINITY;
    for (const double v : values) least = std::min(least, v), most = std::max(most, v);
    Verdict verdict{.measured = {least, least, most}, .n = static_cast<std::int64_t>(values.size())};
    verdict.sentence = "the least of all trials, and their range";
    verdict.is = least >= floor ? Verdict::Is::confirmed : Verdict::Is::refuted;
    return verdict;
  };
  return out;
}

}  // namespace ebb
