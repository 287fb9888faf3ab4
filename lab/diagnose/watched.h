// A parameter under diagnosis: private to lab/diagnose.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "lab/audit/audit.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/diagnose/moments.h"
#include "optim/parameter_state.h"
#include "optim/update_model.h"

namespace ebb::detail {

// What is summed over the measured steps of a window, for each channel.
enum class Sum : std::uint8_t {
  norm,             // |w|^2
  gradient,         // |g|^2
  at_unit,          // |w|^2 |g|^2
  relative,         // |g|^2 / |w|^2
  cosine_gradient,  // cos(w, g)
  update,           // |dw|^2
  cosine_update,    // cos(dw, w)
  angle,            // angle^2
  effective_lr,     // lr / |w|^2 or lr / |w|
  lag,              // cos(g, previous g), of the steps behind a measured one
  count_of_kinds
};
constexpr std::size_t sums = static_cast<std::size_t>(Sum::count_of_kinds);

// What a window has of a parameter: sums channel by channel, one kind behind the other, and numbers for the whole.
struct Window {
  std::vector<double> channels;
  double steps = 0;  // measured
  double lags = 0;   // of them behind a measured one
  double taken = 0;  // by decay of |w|^2, plain SGD
  double added = 0;  // to |w|^2 by its updates
};

class Watched {
 public:
  Watched(const ParameterState& state, const Audit& audit);

  void keep_weight();  // as it is before an update

  // Adds the update that has been made since. \param number of the step
  void add(const Step& step, const UpdateModel& update, std::int64_t number);

  // A row with its names and no numbers.
  DiagnosisRow named(const Optimizer& optimizer) const;

  // Puts the window into a row, but for step, epoch, drift and what decay alone would have left.
  // \param step of the parameter's group, as it was measured last
  void measure(DiagnosisRow& row, const Step& step, const UpdateModel& update, double dead) const;

  void clear();  // begins a window

  bool empty() const { return window.steps == 0; }
  std::size_t units() const { return units_; }
  Parameter& parameter() const { return *parameter_; }
  double square() const;  // of the whole vector, at this moment

  Window window;                         // open
  Tensor previous;                       // the gradient of step number `previous_step`
  std::vector<double> previous_squares;  // its squares by unit
  std::int64_t previous_step = -1;       // -1: none

 private:
  void divide(const Audit& audit, std::size_t number);
  void predict(DiagnosisRow& row, const Step& step, const UpdateModel& update) const;
  double& at(Sum kind, std::size_t unit) { return window.channels[static_cast<std::size_t>(kind) * units_ + unit]; }
  double mean(Sum kind, std::size_t unit) const;
  ChannelSpread spread(Sum kind, bool root, double factor = 1) const;

  Parameter* parameter_;
  std::size_t group_;
  std::string path_;
  Position position_ = Position::plain;
  std::int64_t joint_ = 1;  // 1: its scale is free by itself
  ChannelView view_;
  std::vector<std::size_t> unit_;  // of each channel of the view
  std::vector<double> values_;     // numbers of each unit
  std::size_t units_ = 0;
  std::vector<Moments> moments_, by_unit_;
  Tensor before_;
};

}  // namespace ebb::detail
