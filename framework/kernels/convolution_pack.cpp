#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/interleave.h"
#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
void copy(const T* from, T* to, int64_t n) {
  int64_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) Batch<T>::load_unaligned(from + i).store_unaligned(to + i);
  for (; i < n; ++i) to[i] = from[i];
}

// Zeros before `begin` and from `end` on in a row of `size` numbers. What lies between is still to be written: whole
// registers may reach into it.
template <class T>
void zero_outside(T* row, int64_t begin, int64_t end, int64_t size) {
  const Batch<T> zero(T(0));
  if (size < lanes<T>) {
    for (int64_t i = 0; i < size; ++i) row[i] = T(0);
    return;
  }
  const int64_t last = size - lanes<T>;
  for (int64_t i = 0; i < begin; i += lanes<T>) zero.store_unaligned(row + (i < last ? i : last));
  for (int64_t i = last; i > end - lanes<T>; i -= lanes<T>) zero.store_unaligned(row + (i > 0 ? i : 0));
}

// A row of a phase: its columns begin .. end-1 come from the images, the others are zeros.
template <class T>
struct Row {
  const T* from;  // where column 0 of the first image would stand
  int64_t begin, end;
  T* to;
};

// The columns of one image. Block = 0: any size.
template <class T, int Block>
void pack_image(const ImagePacking<T>& args, const Row<T>& row, int64_t image) {
  const int64_t block = Block > 0 ? Block : args.block;
  const int64_t pitch = args.images * block;
  const T* const from = row.from + image * args.x_image;
  T* const to = row.to + image * block;
  if (block == args.channels && args.images == 1 && args.step == 1 && args.x_pixel == block)
    return copy(from + row.begin * block, to + row.begin * block, (row.end - row.begin) * block);
  const int64_t full = args.channels / block;
  const int64_t rest = args.channels - full * block;
  const int64_t pixel = args.step * args.x_pixel;
  for (int64_t b = 0; b < full; ++b) {
    const T* const x = from + b * block;
    T* const out = to + b * args.out_block;
    for (int64_t j = row.begin; j < row.end; ++j) {
      if constexpr (Block > 0) __builtin_memcpy(out + j * pitch, x + j * pixel, Block * sizeof(T));
      else copy(x + j * pixel, out + j * pitch, block);
    }
  }
  if (rest == 0) return;
  for (int64_t j = row.begin; j < row.end; ++j) {
    const T* const x = from + j * pixel + full * block;
    T* const out = to + j * pitch + full * args.out_block;
    for (int64_t c = 0; c < block; ++c) out[c] = c < rest ? x[c] : T(0);
  }
}

template <class T, int Block>
void pack_row(const ImagePacking<T>& args, const Row<T>& row) {
  for (int64_t image = 0; image < args.images; ++image) pack_image<T, Block>(args, row, image);
}

// Images of one channel: N rows of numbers side by side.
template <class T, int N>
void pack_gray(const ImagePacking<T>& args, const Row<T>& row) {
  const T* from[N];
  for (int image = 0; image < N; ++image) from[image] = row.from + image * args.x_image + row.begin;
  const int64_t count = row.end - row.begin;
  rows_to_columns<N>(from, count, count, row.to + row.begin * N, N);
}

// Planes of single channels of one image: a register of positions at a time, the last one overlapping.
template <class T>
void pack_dense_planes(const ImagePacking<T>& args, const Row<T>& row) {
  const int64_t pixel = args.step * args.x_pixel;
  constexpr int64_t width = lanes<T>;
  const int64_t last = row.end - width;
  for (int64_t j = row.begin; j < row.end; j = j < last && j + width > last ? last : j + width)
    square_to_columns(row.from + j * pixel, pixel, args.channels, row.to + j, args.out_block);
}

// Whether it may be used: whole registers are read at each pixel.
template <class T>
bool can_pack_dense(const ImagePacking<T>& args, const Row<T>& row) {
  const int64_t reach = (row.end - 1) * args.step * args.x_pixel + args.channels + lanes<T>;
  return args.images == 1 && row.end - row.begin >= lanes<T> && args.x_end - row.from >= reach;
}

// Planes of single channels: eight positions at a time, each a row of channels.
template <class T>
void pack_planes(const ImagePacking<T>& args, const Row<T>& row) {
  constexpr int together = 8;
  const int64_t pixel = args.step * args.x_pixel;
  const int64_t end = row.end * args.images;
  int64_t column = row.begin;
  int64_t image = 0;
  const auto next = [&] {
    const T* const at = row.from + column * pixel + image * args.x_image;
    if (++image == args.images) {
      image = 0;
      ++column;
    }
    return at;
  };
  int64_t position = row.begin * args.images;
  while (position < end) {
    const T* from[together];
    const int64_t count = end - position < together ? end - position : together;
    for (int64_t m = 0; m < count; ++m) from[m] = next();
    const int64_t last = (position + count - 1) / args.images;
    const int64_t readable = (row.end - 1 - last) * pixel + args.channels;
    if (count == together) {
      rows_to_columns<together>(from, args.channels, readable, row.to + position, args.out_block);
    } else {
      for (int64_t c = 0; c < args.channels; ++c)
        for (int64_t m = 0; m < count; ++m) row.to[c * args.out_block + position + m] = from[m][c];
    }
    position += count;
  }
}

template <class T>
void pack_ones(const ImagePacking<T>& args, const Row<T>& row) {
  if (args.channels > 1 && can_pack_dense(args, row)) return pack_dense_planes(args, row);
  if (args.channels > 1) return pack_planes(args, row);
  if (args.step * args.x_pixel == 1) {
    if (args.images == 8) return pack_gray<T, 8>(args, row);
    if (args.images == 4) return pack_gray<T, 4>(args, row);
    if (args.images == 2) return pack_gray<T, 2>(args, row);
  }
  pack_row<T, 1>(args, row);
}

template <class T>
void pack_images(const ImagePacking<T>& args) {
  const auto clamp = [&](int64_t j) { return j < 0 ? 0 : (j > args.columns ? args.columns : j); };
  // The first column of the phase at or behind a pixel, which may lie before the image.
  const auto column_from = [&](int64_t pixel) {
    return pixel >= 0 ? ceil_div(pixel, args.step) : -(-pixel / args.step);
  };
  const int64_t column = args.images * args.block;
  const int64_t blocks = ceil_div(args.channels, args.block);
  for (int64_t phase = 0; phase < args.step; ++phase) {
    const int64_t first = args.first_column + phase;
    const int64_t begin = clamp(column_from(-first));
    const int64_t end = clamp(column_from(args.width - first));
    for (int64_t i = 0; i < args.rows; ++i) {
      const Row<T> row{args.x + i * args.x_row + first * args.x_pixel, begin, end < begin ? begin : end,
                       args.out + i * args.out_row + phase * args.columns * column};
      for (int64_t b = 0; b < blocks; ++b)
        zero_outside(row.to + b * args.out_block, row.begin * column, row.end * column, args.columns * column);
      switch (args.block) {
        case 1: pack_ones(args, row); break;
        case 3: pack_row<T, 3>(args, row); break;
        case 4: pack_row<T, 4>(args, row); break;
        case 16: pack_row<T, 16>(args, row); break;
        default: pack_row<T, 0>(args, row);
      }
    }
  }
}

}  // namespace

void fill_packing(Convolution<float>& table) { table.pack_images = pack_images<float>; }
void fill_packing(Convolution<double>& table) { table.pack_images = pack_images<double>; }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
