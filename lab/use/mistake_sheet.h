// The worst mistakes of an evaluation as a picture.
#pragma once

#include "lab/runs/evaluation_record.h"

namespace ebb {

// A picture of a record: PNG in base64. Undefined where there is none that can be read, as records are files.
Tensor picture_from(const std::string& base64);

// The first 24 mistakes of the record that have a picture, the worst first; under each the name of its class, and what
// it was taken for behind a ">". Larger pictures are brought to 256 pixels. \returns u8 `[height, width, 1 or 3]`;
// undefined where there is none.
Tensor mistake_sheet(const EvaluationRecord& record);

}  // namespace ebb
