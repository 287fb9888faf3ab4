#include "lab/program/run_beginning.h"

#include <iostream>

#include "framework/tensor/printable.h"
#include "lab/audit/audit_record.h"
#include "lab/program/program_name.h"
#include "lab/setup/extensions.h"

namespace ebb {

RunProgram this_program(const Recipe& recipe) {
  return {printable_line(program_name()), recipe.extensions ? own_things(*recipe.extensions) : ""};
}

SaveOptions save_options(const Session& session) {
  return {.minutes = session.recipe.save_minutes,
          .steps = session.recipe.save_steps,
          .evaluated_on = session.evaluated_on()};
}

std::string environment_of(const Session& session) {
  return environment_json(dataset_sha256(*session.data.train), dataset_sha256(*session.data.test),
                          this_program(session.recipe));
}

std::string audit_of(Session& session) {
  const AuditFile file = audit_file([&] { return session.beginning(); });
  for (const std::string& problem : file.problems) std::cout << "audit: " << printable_line(problem) << '\n';
  return file.json;
}

std::string skipped_pictures(const Session& session) {
  return session.data.pictures ? skipped_list(session.data.pictures->skipped) : "";
}

}  // namespace ebb
