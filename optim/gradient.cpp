#include "optim/gradient.h"

#include <cmath>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

Clip make(Clip::Kind kind, const char* name, double limit) {
  if (!std::isfinite(limit) || limit <= 0) fail(name, text("limit ", limit), "a finite number > 0");
  return {.kind = kind, .limit = limit};
}

}  // namespace

Clip clip_value(double limit) { return make(Clip::Kind::value, "clip_value", limit); }
Clip clip_norm(double limit) { return make(Clip::Kind::global_norm, "clip_norm", limit); }
Clip clip_group_norm(double limit) { return make(Clip::Kind::group_norm, "clip_group_norm", limit); }

std::string Clip::text() const {
  const char* const names[] = {"none", "value", "global_norm", "group_norm"};
  std::string out = names[static_cast<int>(kind)];
  if (kind != Kind::none) out += ebb::text(' ', limit, with_decay ? " with coupled decay" : " without decay");
  return out;
}

}  // namespace ebb
