/// \file
/// What a diagnosis says: rows of numbers, and diagnostics.csv.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ebb {

/// A number of each channel, as the layer has it: 10 % of the channels lie below `low`, 10 % above `high`.
struct ChannelSpread {
  double median = missing;  ///< Of the channels.
  double low = missing;     ///< 10 %.
  double high = missing;    ///< 90 %.

  /// What stands for a number that does not exist.
  static constexpr double missing = std::numeric_limits<double>::quiet_NaN();
};

/// The spread of numbers, between neighbours by straight lines; those that are not finite are left out.
ChannelSpread spread_of_channels(std::vector<double> values);

/// A parameter over a window of steps. Numbers of channels are taken over the measured steps of the window, as root
/// mean square where they are sizes, as mean where they have a sign. What does not exist is NaN.
struct DiagnosisRow {
  static constexpr double missing = ChannelSpread::missing;  ///< NaN.

  std::int64_t step = 0;      ///< Updates made at the window's end.
  std::int64_t epoch = 0;     ///< Of the last of them, from 1; 0: not known.
  std::string parameter;      ///< Path.
  std::string position;       ///< A name of Position.
  std::string role;           ///< "weight", "norm_scale", ...
  std::string group;          ///< Of the optimizer.
  std::int64_t values = 0;    ///< Numbers of the parameter.
  std::int64_t channels = 0;  ///< Channels of it, by which all is measured.
  std::int64_t joint = 1;     ///< Parameters that have their scale together, see AuditRow::joint.
  std::int64_t measured = 0;  ///< Steps of the window that were measured.
  double lr = missing;        ///< Learning rate of the last measured step.
  double lambda = missing;    ///< Strength of decay there.
  double shrink = missing;    ///< Share of the weight that decay takes there; of coupled decay in the long run.
  double left = missing;      ///< What decay alone would have left of a weight since the first step.

  ChannelSpread norm;               ///< |w|; of a norm's scale and shift the size of each number.
  ChannelSpread gradient;           ///< |g|.
  ChannelSpread gradient_at_unit;   ///< g~ = |w| |g|.
  ChannelSpread relative_gradient;  ///< |g| / |w|.
  ChannelSpread cosine_gradient;    ///< cos(w, g).
  ChannelSpread update;             ///< |dw|.
  ChannelSpread cosine_update;      ///< cos(dw, w).
  ChannelSpread angle;              ///< By which w turns in a step, degrees.
  ChannelSpread effective_lr;       ///< lr / |w|^2, or lr / |w| where updates are normalised; feeds_norm.
  ChannelSpread lag;                ///< cos(g, g of the step before).

  double predicted_norm = missing;      ///< Where updates and decay balance, with the g~ of the window: median.
  double predicted_angle = missing;     ///< Angle there, degrees: median.
  double predicted_relative = missing;  ///< |g| / |w| there: median.
  double doubled_norm = missing;        ///< predicted_norm at twice the lambda.
  double doubled_angle = missing;       ///< predicted_angle at twice the lambda.
  ChannelSpread norm_ratio;             ///< norm / predicted_norm, channel by channel.
  ChannelSpread angle_ratio;            ///< angle / predicted_angle, channel by channel.
  double relaxation = missing;          ///< Steps in which 63 % of a small distance of |w|^2 goes.
  double drift = missing;               ///< (|w'|^2 - |w|^2) / (steps |w|^2) * relaxation, over that many steps.
  double balance = missing;             ///< Of plain SGD: what decay takes of |w|^2 over what updates add.
  bool at_rest = false;                 ///< Whether it has drifted by at most a tenth over a whole relaxation time.

  double whole_norm = missing;  ///< Of the parameter as one vector, at the window's end.
  double class_mean = missing;  ///< Of a head: the norm of the mean over classes.
  double dead = missing;        ///< Of a norm's scale: share of numbers that are as good as 0.
};

/// Largest |drift| of a parameter that is at rest.
constexpr double rest_drift = 0.1;

/// A column of diagnostics.csv: its name and its number in a row.
struct DiagnosisColumn {
  std::string name;                                ///< "norm", "norm_low", "norm_high", ...
  std::function<double(const DiagnosisRow&)> get;  ///< The number.
  std::function<void(DiagnosisRow&, double)> set;  ///< Sets it.
};

/// All columns that are numbers, in the order of the file, behind parameter, position, role and group.
const std::vector<DiagnosisColumn>& diagnosis_columns();

/// The text of diagnostics.csv: a line of names, a line for each row. Numbers have six digits; what does not exist is
/// empty.
std::string to_csv(const std::vector<DiagnosisRow>& rows);

/// Reads such a text; columns may stand in any order, and there may be others.
/// \param where the file's name for messages.
/// \throws Error naming the line and what is wrong with it.
std::vector<DiagnosisRow> diagnosis_from_csv(std::string_view text, const std::string& where);

}  // namespace ebb
