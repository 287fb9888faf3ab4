#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
void copy(const T* from, T* to, int64_t n) {
  int64_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) Batch<T>::load_unaligned(from + i).store_unaligned(to + i);
  for (; i < n; ++i) to[i] = from[i];
}

// Columns begin .. end-1 of a phase of one row of one image. Block = 0: any size.
template <class T, int Block>
void pack_columns(const ImagePacking<T>& args, const T* from, int64_t begin, int64_t end, int64_t pitch, T* to) {
  const int64_t block = Block > 0 ? Block : args.block;
  const int64_t full = args.channels / block;
  const int64_t rest = args.channels - full * block;
  const int64_t pixel = args.step * args.x_pixel;
  for (int64_t b = 0; b < full; ++b) {
    const T* const x = from + b * block;
    T* const out = to + b * args.out_block;
    int64_t j = begin;
    if constexpr (Block == 1) {
      if (pitch == 1) {
        for (; j + 4 <= end; j += 4)
          for (int64_t i = 0; i < 4; ++i) out[j + i] = x[(j + i) * pixel];
      }
    }
    for (; j < end; ++j) {
      if constexpr (Block > 0) __builtin_memcpy(out + j * pitch, x + j * pixel, Block * sizeof(T));
      else copy(x + j * pixel, out + j * pitch, block);
    }
  }
  if (rest == 0) return;
  for (int64_t j = begin; j < end; ++j) {
    const T* const x = from + j * pixel + full * block;
    T* const out = to + j * pitch + full * args.out_block;
    for (int64_t c = 0; c < block; ++c) out[c] = c < rest ? x[c] : T(0);
  }
}

// Zeros in columns begin .. end-1. Few numbers at a time: a constant size spares the call of memset().
template <class T, int Block>
void pad_columns(const ImagePacking<T>& args, int64_t begin, int64_t end, int64_t pitch, T* to) {
  const size_t block = static_cast<size_t>(Block > 0 ? Block : args.block);
  const int64_t blocks = (args.channels + args.block - 1) / args.block;
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t j = begin; j < end; ++j) __builtin_memset(to + b * args.out_block + j * pitch, 0, block * sizeof(T));
}

template <class T, int Block>
void pack_block(const ImagePacking<T>& args, const T* from, int64_t begin, int64_t end, T* to) {
  const int64_t pitch = args.images * args.block;
  pad_columns<T, Block>(args, 0, begin, pitch, to);
  pad_columns<T, Block>(args, end, args.columns, pitch, to);
  if (args.block == args.channels && args.images == 1 && args.step == 1 && args.x_pixel == args.channels)
    copy(from + begin * args.channels, to + begin * args.channels, (end - begin) * args.channels);
  else pack_columns<T, Block>(args, from, begin, end, pitch, to);
}

template <class T>
void pack_phase(const ImagePacking<T>& args, const T* from, int64_t begin, int64_t end, T* to) {
  switch (args.block) {
    case 1: return pack_block<T, 1>(args, from, begin, end, to);
    case 3: return pack_block<T, 3>(args, from, begin, end, to);
    case 4: return pack_block<T, 4>(args, from, begin, end, to);
    case 16: return pack_block<T, 16>(args, from, begin, end, to);
    default: return pack_block<T, 0>(args, from, begin, end, to);
  }
}

template <class T>
void pack_images(const ImagePacking<T>& args) {
  const auto clamp = [&](int64_t j) { return j < 0 ? 0 : (j > args.columns ? args.columns : j); };
  const auto ceil_div = [](int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); };
  for (int64_t phase = 0; phase < args.step; ++phase) {
    const int64_t first = args.first_column + phase;
    const int64_t begin = clamp(ceil_div(-first, args.step));
    const int64_t end = clamp(ceil_div(args.width - first, args.step));
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t image = 0; image < args.images; ++image) {
        const T* const from = args.x + image * args.x_image + row * args.x_row + first * args.x_pixel;
        T* const to = args.out + row * args.out_row + (phase * args.columns * args.images + image) * args.block;
        pack_phase(args, from, begin, end < begin ? begin : end, to);
      }
    }
  }
}

}  // namespace

void fill_packing(Convolution<float>& table) { table.pack_images = pack_images<float>; }
void fill_packing(Convolution<double>& table) { table.pack_images = pack_images<double>; }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
