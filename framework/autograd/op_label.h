/// \file
/// What an op records under.
#pragma once

#include <initializer_list>
#include <span>

namespace ebb {

/// A number that says what an op does, for those who look at the graph: {"eps", 1e-5}. A setting of several numbers,
/// such as the axes of a reduction, stands once for each of them.
struct OpSetting {
  const char* name = nullptr;  ///< A literal.
  double value = 0;            ///< Flags are 0 and 1.
};

/// Name and settings of an op, as record() takes them: `"relu"`, or `{"group_norm", {{"groups", 4}, {"eps", eps}}}`.
/// It refers to the settings, and so lives no longer than the call.
class OpLabel {
 public:
  /// \param name for messages and graphs; a literal, or any string that outlives the tape. An op that does two things
  /// says both: "batch_norm_relu".
  OpLabel(const char* name, std::initializer_list<OpSetting> settings = {})
      : name_(name), settings_(settings.begin(), settings.size()) {}

  /// As above for settings that are computed.
  OpLabel(const char* name, std::span<const OpSetting> settings) : name_(name), settings_(settings) {}

  const char* name() const { return name_; }                         ///< As given.
  std::span<const OpSetting> settings() const { return settings_; }  ///< As given.

 private:
  const char* name_;
  std::span<const OpSetting> settings_;
};

}  // namespace ebb
