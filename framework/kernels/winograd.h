/// \file
/// Winograd convolution F(m x m, 3x3) of NHWC images, stride 1, f32. One thread.
///
/// m x m outputs of a 3x3 filter come from an a x a tile of the input, a = m + 2, by a^2 multiplications for each pair
/// of channels where the direct method has 9 m^2: 36 for 144 with m = 4, 16 for 36 with m = 2. Per tile, with .
/// elementwise and all else matrix products of size a (Lavin and Gray, "Fast algorithms for convolutional neural
/// networks", 2016):
///
///     y  = A^T [ sum over input channels of (G w G^T) . (B^T x B) ] A
///     dw = G^T [ sum over tiles of (B^T x B) . (A dy A^T) ] G
///
/// The transforms are done for whole blocks of tiles; each of the a^2 numbers of a tile, its points, then is a matrix
/// product over channels or tiles. Tiles are numbered row by row, image by image.
///
/// Channels are padded to full registers. Arrays of transforms have a point stride of the caller's: 36 streams whose
/// distance is a power of two would share few sets of the cache.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Tiles of images and an array of transforms `[points][panels][registers][rows][lanes]`: `rows` tiles make a panel.
struct WinogradTiles {
  int64_t height, width, channels;  ///< Of an image.
  int64_t top, left;                ///< Rows and columns of zeros in front of the first tile.
  int64_t tile_rows, tile_columns;  ///< Tiles of an image.
  int64_t first, count;             ///< Tiles to transform.
  int64_t rows;                     ///< Tiles in a panel.
  int64_t point;                    ///< Elements between points.
};

/// Memory that is wanted soon: multiplications ask for it bit by bit, so that it is in the second cache when its turn
/// comes.
struct WinogradAhead {
  const float* begin;  ///< May be null when numbers is 0.
  int64_t numbers;     ///< Its length.
};

/// Arguments of Winograd::multiply, for each point: m[tile][width] = sum over depth of v[tile] u[width].
struct WinogradProduct {
  const float* v;       ///< Transforms of the input: `[points][panels][depth / lanes][rows][lanes]`.
  int64_t v_point;      ///< Elements between points.
  const float* u;       ///< Transforms of the weights: `[points][depth][width]`.
  int64_t u_point;      ///< Elements between points.
  float* m;             ///< Out: `[points][tiles][width]`.
  int64_t m_point;      ///< Elements between points.
  int64_t tiles, rows;  ///< Tiles, and tiles in a panel of v.
  int64_t depth;        ///< Input channels, a multiple of lanes.
  int64_t v_depth;      ///< Those of v, of which the product takes the first from v on.
  int64_t width;        ///< Output channels: 1 or 2 lanes.
  int64_t points;       ///< Their number.
  bool add;             ///< m += instead of m =: with the same bits as one product of all channels.
  bool far;             ///< u comes from memory and is read once: worth asking for ahead of use.
  WinogradAhead ahead;  ///< See there.
};

/// Arguments of Winograd::outer, for each point: s[depth][width] += sum over tiles of v[depth] d[width].
struct WinogradOuter {
  const float* v;          ///< Transforms of the input: `[points][depth / lanes][tiles][lanes]`.
  int64_t v_point;         ///< Elements between points.
  const float* d;          ///< Transforms of the gradient: `[points][tiles][width]`.
  int64_t d_point;         ///< Elements between points.
  float* s;                ///< Sums: `[points][depth][width]`.
  int64_t s_point;         ///< Elements between points.
  int64_t tiles;           ///< Of all arrays.
  int64_t depth, width;    ///< Channels of input and output, as in WinogradProduct.
  int64_t points;          ///< Their number.
  bool add;                ///< False: s = instead of s +=.
  WinogradAhead ahead[2];  ///< See there.
};

/// Function pointers of F(m x m, 3x3).
struct Winograd {
  int64_t outputs;  ///< m.
  int64_t points;   ///< Numbers of a tile's transform, (m + 2)^2.
  int64_t lanes;    ///< Channels in a register.
  int64_t rows;     ///< Tiles that multiply() is fastest with: a panel.

  /// v = B^T x B of tiles of the images x. zeros: (m + 2) channels zeros.
  void (*input)(const WinogradTiles& tiles, const float* x, const float* zeros, float* v);

  /// u[point][depth][width] = G w G^T of weights w[9][depth][width]; points are `point` elements apart.
  void (*weights)(const float* w, int64_t depth, int64_t width, float* u, int64_t point);

  void (*multiply)(const WinogradProduct& args);  ///< See WinogradProduct.

  /// y = A^T m A, plus bias where it is not null, for `channels` channels of m[point][tile][width]. The images at y are
  /// those of `tiles` and have tiles.channels channels; y and bias point to the first of those to write.
  void (*output)(const WinogradTiles& tiles, const float* m, int64_t channels, int64_t width, const float* bias,
                 float* y);

  /// d[point][tile][width] = A dy A^T of `channels` channels of images dy, described as in output().
  void (*gradient)(const WinogradTiles& tiles, const float* dy, int64_t channels, int64_t width, float* d);

  void (*outer)(const WinogradOuter& args);  ///< See WinogradOuter.

  /// dw = G^T s G for s[point][.][width] at `depth` input channels, with dw[tap][depth][.]: `channels` numbers each.
  void (*finish)(const float* s, int64_t point, int64_t depth, int64_t width, int64_t channels, float* dw,
                 int64_t dw_tap, int64_t dw_depth);
};

}  // namespace ebb::kernels
