/// \file
/// What an op records under, and what the tape shows of it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "framework/autograd/parameter.h"

namespace ebb {

/// A number that says what an op does, for those who look at the graph: {"eps", 1e-5}. A setting of several numbers,
/// such as the axes of a reduction, stands once for each of them.
struct OpSetting {
  const char* name = nullptr;  ///< A literal.
  double value = 0;            ///< Flags are 0 and 1.
};

/// Name and settings of an op, as record() takes them: `"relu"`, or `{"group_norm", {{"groups", 4}, {"eps", eps}}}`.
/// It refers to the settings, which live as long as the call does.
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

/// A value on a tape, for those who look at the graph. It refers to the tape, and is good until that records again or
/// ends.
struct TapeNode {
  const char* op = nullptr;                   ///< "conv2d"; "parameter" and "input" for leaves.
  std::span<const OpSetting> settings = {};   ///< What the op says of itself.
  std::span<const std::int32_t> inputs = {};  ///< Numbers of values, -1 for constants.
  const Parameter* parameter = nullptr;       ///< Of a leaf.
  Shape shape = {};                           ///< Of the value.

  /// The setting of that name, the first if there are several; `otherwise` where there is none.
  double setting(std::string_view name, double otherwise = 0) const;
};

}  // namespace ebb
