// A trial as a file: private to the runner.
#pragma once

#include <optional>
#include <string>

#include "framework/io/directory.h"
#include "lab/study/study.h"

namespace ebb {

// What a trial came to.
struct TrialResult {
  std::string key;  // of the declaration that it was made for: study_key()
  Arm arm;
  std::uint64_t pair = 1;
  double seconds = 0;  // that it took; no part of its results
  Record record;
};

// A record of the numbers of another one's all(). \throws Error as Record::put().
Record restored(const std::vector<Measured>& numbers);

// "arm-0003.pair-2".
std::string trial_name(std::size_t arm, std::uint64_t pair);

// Whether a name may be trial_name()'s.
bool is_trial_name(const std::string& name);

// The file's text: a head, a line for each number, and the SHA-256 of all that.
std::string to_text(const TrialResult& trial);

// Reads that back. \param arms that it may be of. \throws Error naming `where` and what is wrong.
TrialResult trial_from_text(const std::string& text, const std::string& where, const std::vector<Arm>& arms);

// The numbers alone, as lines "measure,step,value".
std::string numbers_text(const Record& record);

}  // namespace ebb
