/// \file
/// summary(): what a model is made of and what a call of it costs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "framework/nn/layer.h"

namespace ebb {

/// One call of one layer.
struct SummaryRow {
  std::string path;                ///< Of the layer; empty for the model itself.
  std::string type;                ///< Module::type().
  std::string settings;            ///< Module::describe().
  int depth = 0;                   ///< Calls it stands in: 0 for the model.
  Shape output;                    ///< Of the result.
  std::int64_t parameters = 0;     ///< Learnable values that the layer itself declares, at its first call.
  std::int64_t multiply_adds = 0;  ///< Of the layer itself, without those below.
  std::int64_t activation_bytes =
      0;  ///< Of the result, 0 where the layer hands on the result of one below, or its input.
};

/// What summary() found. Prints as a table.
struct Summary {
  std::vector<SummaryRow> rows;       ///< In the order of the calls, callers first.
  std::int64_t parameters = 0;        ///< Of the whole model, tied ones once, those of layers not called included.
  std::int64_t frozen = 0;            ///< How many of these are frozen.
  std::int64_t multiply_adds = 0;     ///< Of all rows.
  std::int64_t activation_bytes = 0;  ///< Of all rows.

  /// The table: a line for each row, and the totals.
  std::string text() const;
};

/// Runs `model` once on zeros, in eval mode and without a tape, and notes every call of a layer. Results of ops that
/// are called outside layers are not seen. The state and the mode are as before afterwards.
/// \param input complete shape, batch included: multiply-adds and bytes are for that batch.
/// \throws Error when the model does not accept the shape.
Summary summary(Layer& model, const Shape& input);

/// As above with the dtype of the input (above: that of the model's first parameter): i64 for models that begin with
/// indices.
Summary summary(Layer& model, const Shape& input, DType dtype);

/// Prints text().
std::ostream& operator<<(std::ostream& out, const Summary& summary);

}  // namespace ebb
