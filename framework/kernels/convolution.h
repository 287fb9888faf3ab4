/// \file
/// Convolution kernels on NHWC images. One thread.
///
/// Images are first packed: a padded copy `[blocks][rows][step][columns][images][block]` in which `block` channels of
/// neighbouring positions stand side by side. Column c stands at [c % step][c / step], so that the positions a filter
/// tap meets are consecutive for any stride; a position is a (column, image) pair, so that narrow images fill a tile
/// together. Every tap is then one offset.
#pragma once

#include <stdint.h>

#include "framework/kernels/machine.h"

namespace ebb::kernels {

/// Arguments of Convolution::pack_images.
template <class T>
struct ImagePacking {
  const T* x;                   ///< First row and channel to pack, column 0, first image.
  int64_t x_row, x_pixel;       ///< Elements between rows and between pixels ...
  int64_t x_image;              ///< ... and between images.
  const T* x_end;               ///< Behind the last number that may be read.
  int64_t images, rows;         ///< How many to pack.
  int64_t first_column, width;  ///< First column to pack (negative: zeros before the image); columns of the image.
  int64_t step, columns;        ///< Packs step * columns columns.
  int64_t channels, block;      ///< Channels, in blocks of so many; the last block is filled up with zeros.
  int64_t out_row, out_block;   ///< Elements between packed rows and between packed blocks.
  T* out;                       ///< The copy.
};

/// A filter tap, or several that stand side by side in the packed images and in the packed weights.
struct ConvTap {
  int64_t x;      ///< Offset of the input.
  int64_t w;      ///< Offset of the weights in a panel of one register; twice that in one of two.
  int64_t steps;  ///< Consecutive numbers of the input: a block for each tap.
};

/// Arguments of Convolution::row: one row of the output for a panel of up to 2 lanes channels.
template <class T>
struct ConvRow {
  const T* x;                 ///< Packed images.
  int64_t x_offset;           ///< Of the row, added to every tap.
  int64_t x_block;            ///< Elements between packed blocks.
  const ConvTap* taps;        ///< Taps that meet the image in this row.
  int64_t tap_count;          ///< Their number, possibly 0.
  int64_t blocks, block;      ///< Blocks of input channels and their size: 1, 2, 3, 4 or 16.
  const T* w;                 ///< Packed weights `[blocks][taps][block][width]`, width 1 or 2 registers.
  int64_t w_block;            ///< Elements between its blocks.
  int64_t columns, images;    ///< Positions: columns * images, images fastest.
  T* y;                       ///< Out: column 0 of the first image, first channel of the panel.
  int64_t y_column, y_image;  ///< Elements between columns and between images.
  int64_t channels;           ///< Output channels of the panel.
  const T* bias;              ///< For the panel's channels, or null.
};

/// Arguments of Convolution::weight_gradient: consecutive rows of the gradient for a panel of up to 2 lanes channels.
/// dw(r, k) += sum over images, rows and columns of x[r] dy[k].
template <class T>
struct ConvWeights {
  const T* x;                           ///< Packed images at the tap's place for the first output pixel.
  int64_t x_image, x_row, x_column;     ///< Elements between images, rows and output columns.
  const T* dy;                          ///< Gradient of the output, first pixel, readable for full registers.
  int64_t dy_image, dy_row, dy_column;  ///< Elements between images, rows and columns.
  int64_t images, rows, columns;        ///< Output pixels.
  T* dw;                                ///< First row of the gradient.
  int64_t dw_row;                       ///< Elements between its rows.
  int64_t count;                        ///< Rows: consecutive numbers at x.
  int64_t channels;                     ///< Output channels of the panel.
};

/// Arguments of Convolution::plane_gradient, for few output channels: planes of one channel of x and of dy.
/// dw(t, k) += sum over images, rows and columns of x[taps[t]] dy[plane k].
template <class T>
struct ConvPlanes {
  const T* x;                ///< Packed images, blocks of one channel.
  int64_t x_image, x_row;    ///< Elements between images and between the inputs of output rows.
  const int64_t* taps;       ///< Offsets of the input of each tap and input channel.
  int64_t tap_count;         ///< Their number.
  const T* dy;               ///< Packed gradient, blocks of one channel, rows filled up with zeros.
  int64_t dy_plane;          ///< Elements between channels, ...
  int64_t dy_image, dy_row;  ///< ... images and rows. With dy_row = x_row all rows are one.
  int64_t images, rows;      ///< Of the output.
  int64_t columns;           ///< Of a packed row of dy, dy_row: a multiple of lanes.
  int64_t channels;          ///< Output channels.
  T* dw;                     ///< The gradient.
  int64_t dw_row;            ///< Elements between its rows, one a tap.
};

/// Arguments of the depthwise kernels: images packed with block = channels, one image.
template <class T>
struct DepthwiseRow {
  const T* x;        ///< Packed image.
  int64_t x_offset;  ///< Of the row, added to every tap.
  const ConvTap*
      taps;  ///< Taps that meet the image in this row; w is the offset of the tap's weights, or their gradient.
  int64_t tap_count;  ///< Their number, possibly 0.
  int64_t columns;    ///< Output pixels of the row.
  int64_t x_column;   ///< Elements between the inputs of output columns.
  int64_t channels;   ///< Channels.
};

/// The most registers of positions that plane_row() reads together.
constexpr int64_t plane_registers = factors_by_lane ? 16 : 4;

/// Function pointers of the family for T = float or double.
template <class T>
struct Convolution {
  int64_t lanes;  ///< Output channels in a register; a panel has up to two.

  /// Size of the blocks that so many input channels are best packed in: 1, 2, 3, 4 or 16.
  int64_t (*channel_block)(int64_t channels);

  /// Relative cost of a row of so many positions for a panel of 1 or 2 registers.
  int64_t (*row_cost)(int64_t positions, int64_t registers);

  void (*pack_images)(const ImagePacking<T>& args);     ///< See ImagePacking.
  void (*row)(const ConvRow<T>& args);                  ///< See ConvRow.
  void (*weight_gradient)(const ConvWeights<T>& args);  ///< See ConvWeights.

  /// For so few output channels that positions are better lanes: the width of the weights' panel; else 0.
  int64_t (*plane_channels)(int64_t channels);

  /// Cost of plane_row() in the unit of row_cost().
  int64_t (*plane_cost)(int64_t positions, int64_t channels);

  /// row() for few output channels: images in blocks of 1, readable for plane_registers lanes numbers beyond
  /// their end.
  void (*plane_row)(const ConvRow<T>& args);

  /// Registers of sums that a row of columns takes for each tap; worth it when below `columns`.
  int64_t (*plane_gradient_cost)(int64_t columns, int64_t channels);

  void (*plane_gradient)(const ConvPlanes<T>& args);  ///< See ConvPlanes.

  /// y[column][channel] = bias[channel] + sum over taps of x w. Columns of y are y_column elements apart.
  void (*depthwise_row)(const DepthwiseRow<T>& args, const T* w, const T* bias, T* y, int64_t y_column);

  /// dw[tap][channel] += sum over columns of x dy.
  void (*depthwise_gradient)(const DepthwiseRow<T>& args, const T* dy, int64_t dy_column, T* dw);
};

}  // namespace ebb::kernels
