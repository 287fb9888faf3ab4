// The course of a diagnosis: its parameters, its rows, its saved state. Private to lab/diagnose.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/diagnose/diagnostics.h"
#include "lab/diagnose/watched.h"
#include "lab/training/train_state.h"

namespace ebb::detail {

// A weight to which nothing but decay happens, from 1 on, and the momentum of it: in each group.
struct DecayAlone {
  double weight = 1;
  double buffer = 0;
  void step(const UpdateModel& update, const DecayTerms& terms, double lr);
};

struct Course {
  Course(Optimizer& o, const Audit& audit, const DiagnoseOptions& options, std::int64_t interval);

  bool measures(std::int64_t step) const { return every == 1 || step % every < 2; }
  bool closes(std::int64_t step) const { return (step + 1) % window == 0; }
  Watched& watched(const ParameterState& p) {
    return all[static_cast<std::size_t>(&p - optimizer.parameters().data())];
  }
  void begin();                        // a course without steps
  void begin_step(std::int64_t step);  // before an update
  void end_window();
  void save(TrainState& into) const;
  void load(const TrainState& from);

  Optimizer& optimizer;
  DiagnoseOptions options;
  std::int64_t every, window;
  std::vector<Watched> all;        // in the order of optimizer.parameters()
  std::vector<Step> steps;         // of the groups, when they were measured last
  std::vector<DecayAlone> decays;  // of the groups
  std::vector<double> start;       // |w|^2 of the parameters before the first step; empty: there was none
  std::vector<DiagnosisRow> rows;
  std::vector<std::size_t> row_parameter;  // number of the parameter of each row
  std::int64_t next_step = 0, first_step = 0;

 private:
  void judge(DiagnosisRow& row, std::size_t parameter) const;
};

}  // namespace ebb::detail
