#include "resize_passes.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define DEFOUND_AVX2 __attribute__((target("avx2")))
#include <immintrin.h>
#endif

namespace defound {
namespace {

constexpr int32_t kHalf = 1 << (FilterWeights::kBits - 1);
constexpr int64_t kLanes = 16;   // bytes that are weighed together

/// The weights of one output and where its 16-byte inputs lie: in, in + step, in + 2 step, ...
struct Taps {
  const uint8_t* in;
  int64_t step;
  const int32_t* weight;
  int32_t count;
};

Taps taps_of(const FilterWeights& weights, int64_t output, const uint8_t* in, int64_t step) {
  const auto i = static_cast<size_t>(output);
  return {in + weights.first[i] * step, step, &weights.weights[i * static_cast<size_t>(weights.taps)], weights.count[i]};
}

/// 16 weighted sums, rounded and cut to bytes.
inline void weigh(const Taps& taps, uint8_t* out) {
  int32_t sum[kLanes];
  for (int32_t& lane : sum) lane = kHalf;
  const uint8_t* in = taps.in;
  for (int32_t t = 0; t < taps.count; ++t, in += taps.step)
    for (int64_t i = 0; i < kLanes; ++i) sum[i] += in[i] * taps.weight[t];
  for (int64_t i = 0; i < kLanes; ++i) out[i] = static_cast<uint8_t>(std::clamp(sum[i] >> FilterWeights::kBits, 0, 255));
}

/// Each output of a row of interleaved lanes.
void weigh_lanes(const uint8_t* lanes, const FilterWeights& weights, uint8_t* out) {
  const auto size = static_cast<int64_t>(weights.first.size());
  for (int64_t x = 0; x < size; ++x) weigh(taps_of(weights, x, lanes, kLanes), out + kLanes * x);
}

/// One output row of `stride` bytes.
void weigh_row(Taps taps, int64_t stride, uint8_t* out) {
  for (int64_t x = 0; x < stride; x += kLanes, taps.in += kLanes) weigh(taps, out + x);
}

#ifdef DEFOUND_AVX2
DEFOUND_AVX2 inline void weigh_avx2(const Taps& taps, uint8_t* out) {
  __m256i low = _mm256_set1_epi32(kHalf), high = low;
  const uint8_t* in = taps.in;
  for (int32_t t = 0; t < taps.count; ++t, in += taps.step) {
    const __m256i weight = _mm256_set1_epi32(taps.weight[t]);
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    low = _mm256_add_epi32(low, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), weight));
    high = _mm256_add_epi32(high, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)), weight));
  }
  low = _mm256_srai_epi32(low, FilterWeights::kBits);
  high = _mm256_srai_epi32(high, FilterWeights::kBits);
  // packing saturates to 16 and then to 8 bits within each half of the register, so the halves are put in order after it
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), _MM_SHUFFLE(3, 1, 2, 0));
  const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

DEFOUND_AVX2 void weigh_lanes_avx2(const uint8_t* lanes, const FilterWeights& weights, uint8_t* out) {
  const auto size = static_cast<int64_t>(weights.first.size());
  for (int64_t x = 0; x < size; ++x) weigh_avx2(taps_of(weights, x, lanes, kLanes), out + kLanes * x);
}

DEFOUND_AVX2 void weigh_row_avx2(Taps taps, int64_t stride, uint8_t* out) {
  for (int64_t x = 0; x < stride; x += kLanes, taps.in += kLanes) weigh_avx2(taps, out + x);
}

const bool kHasAvx2 = __builtin_cpu_supports("avx2");
const auto kWeighLanes = kHasAvx2 ? weigh_lanes_avx2 : weigh_lanes;
const auto kWeighRow = kHasAvx2 ? weigh_row_avx2 : weigh_row;
#else
constexpr auto kWeighLanes = weigh_lanes;
constexpr auto kWeighRow = weigh_row;
#endif

/// Four rows interleaved, four bytes a pixel: lanes[16 x + 4 row + c], so that 16 sums share one weight.
void interleave_rows(const uint8_t* in, int64_t in_stride, int64_t width, int64_t rows, uint8_t* lanes) {
  for (int64_t row = 0; row < 4; ++row) {
    const uint8_t* from = in + std::min(row, rows - 1) * in_stride;
    uint8_t* to = lanes + 4 * row;
    for (int64_t x = 0; x + 1 < width; ++x, from += 3, to += kLanes) std::memcpy(to, from, 4);
    std::memcpy(to, from, 3);
  }
}

/// The way back; each pixel's fourth byte is written and overwritten by the next pixel.
void separate_rows(const uint8_t* lanes, int64_t width, int64_t rows, uint8_t* out, int64_t out_stride) {
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* from = lanes + 4 * row;
    uint8_t* to = out + row * out_stride;
    for (int64_t x = 0; x < width; ++x, from += kLanes, to += 3) std::memcpy(to, from, 4);
  }
}

}  // namespace

void resize_rows(const uint8_t* in, int64_t in_stride, int64_t width, int64_t rows, const FilterWeights& weights, uint8_t* out, int64_t out_stride) {
  const auto out_width = static_cast<int64_t>(weights.first.size());
  std::vector<uint8_t> lanes(static_cast<size_t>(kLanes * width)), weighed(static_cast<size_t>(kLanes * out_width));
  for (int64_t y = 0; y < rows; y += 4) {
    const int64_t together = std::min<int64_t>(4, rows - y);
    interleave_rows(in + y * in_stride, in_stride, width, together, lanes.data());
    kWeighLanes(lanes.data(), weights, weighed.data());
    separate_rows(weighed.data(), out_width, together, out + y * out_stride, out_stride);
  }
}

void resize_columns(const uint8_t* in, int64_t stride, const FilterWeights& weights, uint8_t* out) {
  for (int64_t y = 0; y < static_cast<int64_t>(weights.first.size()); ++y, out += stride) kWeighRow(taps_of(weights, y, in, stride), stride, out);
}

}  // namespace defound
