// An event file of TensorBoard's that grows while somebody reads it.
#pragma once

#include <cstdint>
#include <string>

#include "framework/io/directory.h"

namespace ebb::detail {

// Appends records to a new file `events.out.tfevents.SECONDS.ebb` of a directory, whose name comes behind those of all
// others there, as readers go through them in this order. Each record is written at once: a process that is killed
// leaves a file that is readable up to the last whole one. What cannot be written (a full disk) is kept, up to 16 MiB,
// and written before the next record.
class EventFile {
 public:
  // Opens it and writes what a file begins with; where others are there, also that their steps from `next_step` on do
  // not count. \param directory must outlive this object. \throws Error naming file and cause.
  EventFile(const Directory& directory, std::int64_t next_step);

  void append(const std::string& record);

  const std::string& problem() const { return problem_; }  // while records wait to be written

 private:
  Descriptor file_;
  std::string path_, waiting_, problem_;
};

// Seconds since 1970.
double wall_time();

// Whether a file of this name holds events.
bool is_event_file(const std::string& name);

}  // namespace ebb::detail
