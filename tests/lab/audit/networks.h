/// \file
/// Small networks to audit, and their audits as texts.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>

#include "framework/compute/basic.h"
#include "framework/nn/conv2d.h"
#include "framework/tensor/text.h"
#include "lab/audit/audit.h"

namespace ebb::test {

constexpr std::int64_t samples = 6, classes = 3;

inline Tensor images(std::int64_t channels = 2) {
  Tensor x({samples, 5, 5, channels}, DType::f32);
  fill_normal(x, Rng(11), 0, 1);
  return x;
}

inline Tensor labels() { return Tensor::from<std::int64_t>({0, 1, 2, 1, 0, 2}, {samples}); }

/// A line for each parameter, "path position, by granularity".
inline std::string answer(const Audit& audit) {
  std::string out;
  for (const AuditRow& r : audit.rows)
    out += text(r.path, ' ', name(r.position), r.granularity.empty() ? "" : ", ", r.granularity, '\n');
  return out;
}

/// A line for each scaling and shift.
inline std::string symmetries(const Audit& audit, bool rescalings = false) {
  std::string out;
  for (const AuditedSymmetry& s : audit.symmetries)
    if (rescalings == (s.symmetry.kind == Symmetry::Kind::rescale)) out += text(s.symmetry) + '\n';
  return out;
}

/// Every symmetry was seen by the probe, and the search found no other.
inline void require_sound(const Audit& audit) {
  std::string problems;
  for (const std::string& p : audit.problems) problems += p + '\n';
  BOOST_TEST(problems.empty(), problems << audit.text());
  for (const AuditedSymmetry& s : audit.symmetries) {
    BOOST_REQUIRE(s.probe.has_value());
    BOOST_TEST(s.probe->confirmed, text(s.symmetry) << ": " << s.probe->reason << ' ' << s.probe->change);
  }
}

inline Audit sound_audit(Layer& model, std::int64_t channels = 2) {
  Audit found = audit(model, images(channels), labels());
  require_sound(found);
  return found;
}

/// A network whose forward pass is a lambda over layers declared before it.
struct Net : Layer {
  Var forward(const Var& x) override { return body(x); }
  std::function<Var(const Var&)> body;
};

inline Conv2dOptions conv(std::int64_t in, std::int64_t out, bool bias = false, std::int64_t kernel = 3,
                          std::int64_t padding = 1) {
  return {.in = in, .out = out, .kernel = {kernel, kernel}, .padding = {padding, padding}, .bias = bias};
}

}  // namespace ebb::test
