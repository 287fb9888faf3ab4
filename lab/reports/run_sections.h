// The sections of a run's page: private to the reports. Each is a function of the run; one that has nothing to say has
// no content, and is left out.
#pragma once

#include <string>

#include "lab/reports/html.h"
#include "lab/reports/report.h"

namespace ebb {

// The value of a key of summary.json; nothing where it is not there.
const std::string* summary_value(const RunData& run, std::string_view key);

html::Section diagnosis_section(const RunData& run);
html::Section learning_section(const RunData& run);
html::Section decay_section(const RunData& run);
html::Section audit_section(const RunData& run);
html::Section confusion_section(const RunData& run);
html::Section classes_section(const RunData& run);
html::Section mistakes_section(const RunData& run);
html::Section filters_section(const RunData& run);
html::Section changes_section(const RunData& run);
html::Section events_section(const RunData& run);
html::Section origin_section(const RunData& run);

}  // namespace ebb
