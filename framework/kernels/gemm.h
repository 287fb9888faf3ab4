/// \file
/// Matrix product kernels: packing, and the product of packed blocks. One thread.
///
/// The right factor is packed into panels of 2 lanes columns (the last of one register where that is enough), each
/// `depth` rows of its registers; the left factor into tiles of rows.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// A matrix somewhere in memory: element (i, j) is data[i * row + j * column].
template <class T>
struct Strided {
  const T* data;
  int64_t row;     ///< Elements between rows.
  int64_t column;  ///< Elements between columns.
};

/// Operands of the product of packed rows with one panel.
template <class T>
struct GemmPanel {
  const T* a;       ///< Packed rows.
  const T* b;       ///< The panel.
  int64_t rows;     ///< Rows of a and c.
  int64_t depth;    ///< Products summed; a multiple of Gemm::depth_step.
  T* c;             ///< Out, first row.
  int64_t c_row;    ///< Elements between its rows.
  int64_t columns;  ///< Columns of c, at most 2 lanes.
  const T* bias;    ///< Added to every row, or null.
  bool add;         ///< c += a b (bias is not used) instead of c = a b + bias.
};

/// Function pointers of the family for T = float or double.
template <class T>
struct Gemm {
  int64_t lanes;       ///< Columns in a register; a panel has up to two.
  int64_t depth_step;  ///< Packed depths are multiples of this, filled up with zeros.
  int64_t row_block;   ///< Rows worth handling at a time.

  /// Packs `rows` x `columns` (columns <= width) to out[packed_rows][width], zeros elsewhere.
  void (*pack_columns)(const Strided<T>& b, int64_t rows, int64_t columns, int64_t packed_rows, int64_t width, T* out);

  /// Packs `rows` x `depth` for multiply(): rows * packed_depth numbers.
  void (*pack_rows)(const Strided<T>& a, int64_t rows, int64_t depth, int64_t packed_depth, T* out);

  /// The product of packed rows and a panel.
  void (*multiply)(const GemmPanel<T>& panel);
};

}  // namespace ebb::kernels
