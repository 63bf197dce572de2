#pragma once
#if defined(__x86_64__)
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "avx512_attention.h"
#include "avx512_power_of_two.h"

// Scores stand transposed, a query a lane: maximum and sum need nothing across lanes, and what the products take is a
// pair of bf16 of one key for all queries. Loops over registers are unrolled, or the registers would go through memory.
namespace defound::attention {

constexpr int64_t kKeys = 96;    // of a block: its scores (12 KiB) and probabilities stay in the first cache
constexpr int kScoreRows = 12;   // of the block, made at once: 24 registers of sums
constexpr int kValueRows = 8;    // elements of the values, mixed at once
constexpr float kLowest = -std::numeric_limits<float>::infinity();
static_assert(kKeys % kScoreRows == 0);

/// Of scores, so that their exponentials are powers of two.
inline float scale_of(int64_t size) { return std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size)); }

/// Of the two halves of the queries.
struct Halves {
  __m512 low, high;
};

DEFOUND_AVX512 inline Halves load(const float* from) { return {_mm512_loadu_ps(from), _mm512_loadu_ps(from + kLanes)}; }
DEFOUND_AVX512 inline void store(float* to, Halves values) { _mm512_storeu_ps(to, values.low), _mm512_storeu_ps(to + kLanes, values.high); }
DEFOUND_AVX512 inline __m512bh pairs(const Pair* from) { return (__m512bh)_mm512_loadu_si512(from); }
DEFOUND_AVX512 inline __m512bh everywhere(Pair pair) { return (__m512bh)_mm512_set1_epi32(static_cast<int>(pair)); }

/// Of two neighbours' values, of 16 queries each: the values of a query beside each other.
DEFOUND_AVX512 inline __m512i interleaved(__m512 one, __m512 two) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i order = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(kLanes)), 16));
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(two, one));
}

/// sums [size][kQueries] times `share` -> [size / 2][kQueries].
DEFOUND_AVX512 inline void pair_elements(const float* sums, int64_t size, Halves share, Pair* to) {
  for (int64_t i = 0; i < size; i += 2, to += kQueries) {
    const Halves one = load(sums + i * kQueries), two = load(sums + (i + 1) * kQueries);
    _mm512_storeu_si512(to, interleaved(_mm512_mul_ps(share.low, one.low), _mm512_mul_ps(share.low, two.low)));
    _mm512_storeu_si512(to + kLanes, interleaved(_mm512_mul_ps(share.high, one.high), _mm512_mul_ps(share.high, two.high)));
  }
}

/// Rows sums for each query.
template <int Rows>
struct Sums {
  __m512 low[Rows], high[Rows];
};

/// sums[i] += left[i * row + p * step] x right [count][kQueries], over p.
template <int Rows>
DEFOUND_AVX512 [[gnu::always_inline]] inline void add_products(Sums<Rows>& sums, const Pair* left, int64_t row, int64_t step, const Pair* right, int64_t count) {
  for (int64_t p = 0; p < count; ++p) {
    const __m512bh low = pairs(right + p * kQueries), high = pairs(right + p * kQueries + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const __m512bh one = everywhere(left[i * row + p * step]);
      sums.low[i] = _mm512_dpbf16_ps(sums.low[i], one, low);
      sums.high[i] = _mm512_dpbf16_ps(sums.high[i], one, high);
    }
  }
}

/// Products of Rows keys with all queries -> scores [Rows][kQueries]; `most` grows with them.
template <int Rows>
DEFOUND_AVX512 inline void score(const Pair* key, const Pair* queries, int64_t width, float* scores, Halves& most) {
  Sums<Rows> sums;
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j) sums.low[j] = sums.high[j] = _mm512_setzero_ps();
  add_products(sums, key, width, 1, queries, width);
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j) {
    most = {_mm512_max_ps(most.low, sums.low[j]), _mm512_max_ps(most.high, sums.high[j])};
    store(scores + j * kQueries, {sums.low[j], sums.high[j]});
  }
}

/// mixed [Rows][kQueries] = mixed * kept + values^T weights.
template <int Rows>
DEFOUND_AVX512 inline void mix(const Pair* value, int64_t size, const Pair* weights, int64_t count, Halves kept, float* mixed) {
  Sums<Rows> sums;
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    const Halves before = load(mixed + i * kQueries);
    sums.low[i] = _mm512_mul_ps(kept.low, before.low), sums.high[i] = _mm512_mul_ps(kept.high, before.high);
  }
  add_products(sums, value, 1, size, weights, count);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) store(mixed + i * kQueries, {sums.low[i], sums.high[i]});
}

/// score() of any even number of keys, mix() of any even number of elements.
DEFOUND_AVX512 inline void score_block(const Pair* key, const Pair* queries, int64_t count, int64_t size, float* scores, Halves& most) {
  int64_t j = 0;
  for (; j + kScoreRows <= count; j += kScoreRows) score<kScoreRows>(key + j * size / 2, queries, size / 2, scores + j * kQueries, most);
  for (; j < count; j += 2) score<2>(key + j * size / 2, queries, size / 2, scores + j * kQueries, most);
}
DEFOUND_AVX512 inline void mix_block(const Pair* value, const Pair* weights, int64_t count, int64_t size, Halves kept, float* mixed) {
  int64_t i = 0;
  for (; i + kValueRows <= size; i += kValueRows) mix<kValueRows>(value + i, size, weights, count / 2, kept, mixed + i * kQueries);
  for (; i < size; i += 2) mix<2>(value + i, size, weights, count / 2, kept, mixed + i * kQueries);
}

}  // namespace defound::attention
#endif
