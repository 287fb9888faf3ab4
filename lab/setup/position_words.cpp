#include "lab/setup/position_words.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {

namespace {

// "my.toml:7: group "head""
std::string place_of(const GroupRecipe& group) {
  return text(group.place, group.place.empty() ? "" : ": ", "group ", in_quotes(group.name));
}

}  // namespace

SelectorWords PositionWords::of(const GroupRecipe& group) {
  SelectorWords out;
  out.where = text(place_of(group), ": select");
  for (int p = 0; p < positions; ++p) out.names.emplace_back(name(static_cast<Position>(p)));
  out.make = [this, &group](const std::string& word) { return select(word, group); };
  return out;
}

Selector PositionWords::select(const std::string& word, const GroupRecipe& group) {
  if (!audit_) {
    if (!record_) fail("selector", text(word, "() without data"), "data to record a pass of the network with");
    audit_ = record_();
  }
  std::vector<std::string> there;
  for (int p = 0; p < positions; ++p) {
    const auto position = static_cast<Position>(p);
    const bool taken = std::ranges::find(audit_->rows, position, &AuditRow::position) != audit_->rows.end();
    if (word == name(position) && (taken || group.may_be_empty)) return audit_->select(position);
    if (taken) there.emplace_back(name(position));
  }
  std::string list;
  for (const std::string& position : there) list += text(list.empty() ? "" : ", ", position, "()");
  fail(place_of(group), text(word, "(), a position where no parameter of the network stands"), text("one of ", list),
       "see `ebb audit`, or say may_be_empty = true");
}

}  // namespace ebb
