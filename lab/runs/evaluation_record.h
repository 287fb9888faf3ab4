/// \file
/// What is kept of an evaluation: numbers, confusion, worst mistakes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "lab/training/evaluation.h"

namespace ebb {

/// A sample that was taken for another class.
struct Mistake {
  std::int64_t index = 0;      ///< Of the sample in its data set.
  std::int64_t truth = 0;      ///< Its class.
  std::int64_t predicted = 0;  ///< What it was taken for.
  double confidence = 0;       ///< Probability of that.
  std::string picture;         ///< Its image as PNG in base64; empty where it is no picture.
};

/// Filters of the network's first convolution.
struct FilterRecord {
  std::string says;     ///< How many of them have next to no norm, a sentence without its full stop.
  std::string picture;  ///< The filters and their norms as PNG in base64.
};

/// An evaluation in a file, complete for a report: the data need not be there any more.
struct EvaluationRecord {
  std::string data;                          ///< Name of the data.
  double loss = 0;                           ///< As in Evaluation.
  double accuracy = 0;                       ///< As in Evaluation.
  double calibration_error = 0;              ///< As in Evaluation.
  std::vector<std::string> classes;          ///< Their names.
  Confusion confusion{1};                    ///< As in Evaluation.
  std::vector<Mistake> worst;                ///< The mistakes made with most confidence, the worst first.
  std::optional<FilterRecord> filters = {};  ///< None where the network does not begin with a convolution.
};

/// The record of an evaluation in the order of `data`, not shuffled.
/// \param mistakes how many at most.
EvaluationRecord make_record(const Evaluation& evaluation, const Dataset& data, const std::string& name,
                             std::size_t mistakes = 24);

/// The record as JSON; numbers that are not finite become null.
std::string to_json(const EvaluationRecord& record);

/// The record from JSON.
/// \param where the file's name for messages.
/// \throws Error on anything that to_json() does not write.
EvaluationRecord record_from_json(const std::string& json, const std::string& where);

/// The names of all classes of a data set.
std::vector<std::string> class_names(const Dataset& data);

}  // namespace ebb
