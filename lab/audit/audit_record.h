/// \file
/// An audit in a file, and from one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/audit/audit.h"

namespace ebb {

/// What an audit said of parameters and graph, without the model: for reports.
struct AuditRecord {
  std::vector<AuditRow> rows = {};         ///< As in Audit.
  std::vector<NetworkValue> values = {};   ///< Of the recorded pass, without settings.
  std::vector<std::string> problems = {};  ///< As in Audit.
  std::vector<std::string> warnings = {};  ///< As in Audit.
  std::string refused = {};                ///< Why there is no audit; empty when there is one.
};

/// An audit as a run keeps it.
struct AuditFile {
  std::string json = {};                   ///< Audit::json(), or why there is none.
  std::vector<std::string> problems = {};  ///< Of the audit, or that sentence.
};

/// The file of what `record` gives, or of why it throws: a training does not depend on its audit.
AuditFile audit_file(const std::function<Audit()>& record);

/// The record from the text of Audit::json() or AuditFile::json. What it refers to is there: a parameter's number that
/// of a row, an input's number less than that of the value.
/// \param where the file's name for messages.
/// \throws Error on anything that these do not write, and on more than 100,000 parameters or values.
AuditRecord audit_record_from_json(const std::string& json, const std::string& where);

}  // namespace ebb
