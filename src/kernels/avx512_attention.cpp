#include "avx512_attention.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#define DEFOUND_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// Scores stand transposed, a query a lane: maximum and sum need nothing across lanes, and what the products take is a
// pair of bf16 of one key for all queries. Loops over registers are unrolled, or the registers would go through memory.
namespace defound::attention {
namespace {

constexpr int64_t kKeys = 96;    // of a block: its scores (12 KiB) and probabilities stay in the first cache
constexpr int kScoreRows = 12;   // of the block, made at once: 24 registers of sums
constexpr int kValueRows = 8;    // elements of the values, mixed at once
constexpr int64_t kLanes = 16;
static_assert(kKeys % kScoreRows == 0);

/// Of the two halves of the queries.
struct Halves {
  __m512 low, high;
};

DEFOUND_AVX512 inline __m512bh pairs(const Pair* from) { return (__m512bh)_mm512_loadu_si512(from); }
DEFOUND_AVX512 inline __m512bh everywhere(Pair pair) { return (__m512bh)_mm512_set1_epi32(static_cast<int>(pair)); }

// Masked forms with every lane on are the plain instruction; GCC 12 warns of the plain forms' own headers (its bug 105593).
constexpr __mmask16 kAll = 0xFFFF;

/// Lane by lane; `b` where one is NaN.
DEFOUND_AVX512 inline __m512 larger(__m512 a, __m512 b) { return _mm512_maskz_max_ps(kAll, a, b); }

/// 2^x, x not above 0, to 3e-6: five terms of the series at the nearest integer. NaN stays.
DEFOUND_AVX512 inline __m512 power_of_two(__m512 x) {
  constexpr float c1 = std::numbers::ln2_v<float>, c2 = c1 * c1 / 2, c3 = c2 * c1 / 3, c4 = c3 * c1 / 4, c5 = c4 * c1 / 5;
  x = larger(_mm512_set1_ps(-126.0F), x);
  const __m512 whole = _mm512_maskz_roundscale_ps(kAll, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), rest = _mm512_sub_ps(x, whole);
  __m512 y = _mm512_fmadd_ps(_mm512_set1_ps(c5), rest, _mm512_set1_ps(c4));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c3));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c2));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c1));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(1.0F));
  return _mm512_maskz_scalef_ps(kAll, y, whole);
}

/// Products of Rows keys with all queries -> scores [Rows][kQueries]; `most` grows with them.
template <int Rows>
DEFOUND_AVX512 inline void score(const Pair* key, const Pair* queries, int64_t width, float* scores, Halves& most) {
  __m512 low[Rows], high[Rows];
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j) low[j] = high[j] = _mm512_setzero_ps();
  for (int64_t p = 0; p < width; ++p) {
    const __m512bh first = pairs(queries + p * kQueries), second = pairs(queries + p * kQueries + kLanes);
#pragma GCC unroll 16
    for (int j = 0; j < Rows; ++j) {
      const __m512bh one = everywhere(key[j * width + p]);
      low[j] = _mm512_dpbf16_ps(low[j], one, first);
      high[j] = _mm512_dpbf16_ps(high[j], one, second);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j) {
    most = {larger(most.low, low[j]), larger(most.high, high[j])};
    _mm512_storeu_ps(scores + j * kQueries, low[j]);
    _mm512_storeu_ps(scores + j * kQueries + kLanes, high[j]);
  }
}

/// exp((score - most) * scale) of two keys, in pairs; `scale` counts in powers of two.
DEFOUND_AVX512 inline __m512 weigh(const float* scores, __m512 scale, __m512 most, Pair* to) {
  const __m512 one = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores), scale, most));
  const __m512 two = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + kQueries), scale, most));
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(two, one);  // the second key behind the first
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i order = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(kLanes)), 16));
  _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
  return _mm512_add_ps(one, two);
}

/// mixed [Rows][kQueries] = mixed * kept + values^T weights.
template <int Rows>
DEFOUND_AVX512 inline void mix(const Pair* value, int64_t size, const Pair* weights, int64_t count, Halves kept, float* mixed) {
  __m512 low[Rows], high[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    low[i] = _mm512_mul_ps(kept.low, _mm512_loadu_ps(mixed + i * kQueries));
    high[i] = _mm512_mul_ps(kept.high, _mm512_loadu_ps(mixed + i * kQueries + kLanes));
  }
  for (int64_t j = 0; j < count; ++j) {
    const __m512bh first = pairs(weights + j * kQueries), second = pairs(weights + j * kQueries + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const __m512bh one = everywhere(value[j * size + i]);
      low[i] = _mm512_dpbf16_ps(low[i], one, first);
      high[i] = _mm512_dpbf16_ps(high[i], one, second);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    _mm512_storeu_ps(mixed + i * kQueries, low[i]);
    _mm512_storeu_ps(mixed + i * kQueries + kLanes, high[i]);
  }
}

DEFOUND_AVX512 inline void divide(float* mixed, int64_t size, Halves sum) {
  const Halves share{_mm512_div_ps(_mm512_set1_ps(1), sum.low), _mm512_div_ps(_mm512_set1_ps(1), sum.high)};
  for (int64_t i = 0; i < size; ++i, mixed += kQueries) {
    _mm512_storeu_ps(mixed, _mm512_mul_ps(share.low, _mm512_loadu_ps(mixed)));
    _mm512_storeu_ps(mixed + kLanes, _mm512_mul_ps(share.high, _mm512_loadu_ps(mixed + kLanes)));
  }
}

}  // namespace

bool runs_here() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"); }

DEFOUND_AVX512 void attend(const Pair* queries, const Pair* key, const Pair* value, int64_t keys, int64_t size, float* mixed) {
  alignas(64) float scores[kKeys * kQueries];
  alignas(64) Pair weights[kKeys / 2 * kQueries];
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  const __m512 scale = _mm512_set1_ps(std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size)));
  Halves most{_mm512_set1_ps(kLowest), _mm512_set1_ps(kLowest)}, sum{_mm512_setzero_ps(), _mm512_setzero_ps()};
  std::fill(mixed, mixed + size * kQueries, 0.0F);
  for (int64_t first = 0; first < keys; first += kKeys) {
    const int64_t valid = std::min(kKeys, keys - first), count = valid + valid % 2;
    const Halves before = most;
    int64_t j = 0;
    for (; j + kScoreRows <= count; j += kScoreRows) score<kScoreRows>(key + (first + j) * size / 2, queries, size / 2, scores + j * kQueries, most);
    for (; j < count; j += 2) score<2>(key + (first + j) * size / 2, queries, size / 2, scores + j * kQueries, most);
    std::fill(scores + valid * kQueries, scores + count * kQueries, kLowest);
    const Halves kept{power_of_two(_mm512_mul_ps(_mm512_sub_ps(before.low, most.low), scale)), power_of_two(_mm512_mul_ps(_mm512_sub_ps(before.high, most.high), scale))};
    const Halves scaled{_mm512_mul_ps(most.low, scale), _mm512_mul_ps(most.high, scale)};
    sum = {_mm512_mul_ps(sum.low, kept.low), _mm512_mul_ps(sum.high, kept.high)};
    for (j = 0; j < count; j += 2) {
      sum.low = _mm512_add_ps(sum.low, weigh(scores + j * kQueries, scale, scaled.low, weights + j / 2 * kQueries));
      sum.high = _mm512_add_ps(sum.high, weigh(scores + j * kQueries + kLanes, scale, scaled.high, weights + j / 2 * kQueries + kLanes));
    }
    int64_t i = 0;
    for (; i + kValueRows <= size; i += kValueRows) mix<kValueRows>(value + first / 2 * size + i, size, weights, count / 2, kept, mixed + i * kQueries);
    for (; i < size; i += 2) mix<2>(value + first / 2 * size + i, size, weights, count / 2, kept, mixed + i * kQueries);
  }
  divide(mixed, size, sum);
}

}  // namespace defound::attention
#else
namespace defound::attention {
bool runs_here() { return false; }
void attend(const Pair*, const Pair*, const Pair*, int64_t, int64_t, float*) {}
}  // namespace defound::attention
#endif
