#include "resize_passes.h"

#include <algorithm>
#include <cstring>

// The same code for the vector units of several machines; the loader picks one when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__)
#define DEFOUND_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DEFOUND_VECTOR_CLONES
#endif

namespace defound {
namespace {

using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Ints16 = int32_t __attribute__((vector_size(64)));
constexpr int32_t kHalf = 1 << (FilterWeights::kBits - 1);

/// Four rows interleaved, four bytes a pixel: lanes[16 x + 4 row + c], so that 16 sums share one weight.
void interleave_rows(const uint8_t* in, int64_t in_stride, int64_t width, int64_t rows, uint8_t* lanes) {
  for (int64_t row = 0; row < 4; ++row) {
    const uint8_t* from = in + std::min(row, rows - 1) * in_stride;
    uint8_t* to = lanes + 4 * row;
    for (int64_t x = 0; x + 1 < width; ++x, from += 3, to += 16) std::memcpy(to, from, 4);
    std::memcpy(to, from, 3);
  }
}

DEFOUND_VECTOR_CLONES
void weigh_lanes(const uint8_t* lanes, const FilterWeights& weights, uint8_t* out, int64_t out_stride, int64_t rows) {
  const auto size = static_cast<int64_t>(weights.first.size());
  for (int64_t x = 0; x < size; ++x) {
    const uint8_t* at = lanes + 16 * int64_t{weights.first[static_cast<size_t>(x)]};
    const int32_t* weight = &weights.weights[static_cast<size_t>(x * weights.taps)];
    Ints16 sum = Ints16{} + kHalf;
    for (int32_t t = 0; t < weights.count[static_cast<size_t>(x)]; ++t, at += 16) {
      Bytes16 values;
      std::memcpy(&values, at, 16);
      sum += __builtin_convertvector(values, Ints16) * weight[t];
    }
    sum >>= FilterWeights::kBits;
    sum = sum < 0 ? Ints16{} : sum;
    sum = sum > 255 ? Ints16{} + 255 : sum;
    const Bytes16 bytes = __builtin_convertvector(sum, Bytes16);
    uint8_t pixels[16];
    std::memcpy(pixels, &bytes, 16);
    for (int64_t row = 0; row < rows; ++row) std::memcpy(out + row * out_stride + 3 * x, pixels + 4 * row, 4);
  }
}

DEFOUND_VECTOR_CLONES
void weigh_row(const uint8_t* in, int64_t stride, const int32_t* weight, int32_t count, uint8_t* out) {
  for (int64_t x = 0; x < stride; x += 16) {
    Ints16 sum = Ints16{} + kHalf;
    const uint8_t* at = in + x;
    for (int32_t t = 0; t < count; ++t, at += stride) {
      Bytes16 values;
      std::memcpy(&values, at, 16);
      sum += __builtin_convertvector(values, Ints16) * weight[t];
    }
    sum >>= FilterWeights::kBits;
    sum = sum < 0 ? Ints16{} : sum;
    sum = sum > 255 ? Ints16{} + 255 : sum;
    const Bytes16 bytes = __builtin_convertvector(sum, Bytes16);
    std::memcpy(out + x, &bytes, 16);
  }
}

}  // namespace

void resize_rows(const uint8_t* in, int64_t in_stride, int64_t width, int64_t rows, const FilterWeights& weights, uint8_t* out, int64_t out_stride) {
  std::vector<uint8_t> lanes(static_cast<size_t>(16 * width));
  for (int64_t y = 0; y < rows; y += 4) {
    const int64_t together = std::min<int64_t>(4, rows - y);
    interleave_rows(in + y * in_stride, in_stride, width, together, lanes.data());
    weigh_lanes(lanes.data(), weights, out + y * out_stride, out_stride, together);
  }
}

void resize_columns(const uint8_t* in, int64_t stride, const FilterWeights& weights, uint8_t* out) {
  for (size_t y = 0; y < weights.first.size(); ++y, out += stride)
    weigh_row(in + weights.first[y] * stride, stride, &weights.weights[y * static_cast<size_t>(weights.taps)], weights.count[y], out);
}

}  // namespace defound
