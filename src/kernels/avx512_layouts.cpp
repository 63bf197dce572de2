#include "avx512_layouts.h"

#if defined(__x86_64__)
#include <algorithm>

#include "avx512_lanes.h"

namespace defound::avx512 {
namespace {

constexpr int kTile = 16;  // rows and columns that are turned at once

/// Rows become columns.
DEFOUND_AVX512 inline void transpose(__m512i (&rows)[kTile]) {
  __m512i turned[kTile];
#pragma GCC unroll 16
  for (int i = 0; i < kTile; i += 2) {
    turned[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    turned[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTile; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(turned[i], turned[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(turned[i], turned[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(turned[i + 1], turned[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(turned[i + 1], turned[i + 3]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    turned[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    turned[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xDD);
    turned[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    turned[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xDD);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 8; ++i) {
    rows[i] = _mm512_shuffle_i32x4(turned[i], turned[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(turned[i], turned[i + 8], 0xDD);
  }
}

}  // namespace

bool runs_here() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"); }

DEFOUND_AVX512 void rows_to_block(const Rows<const Bf16>& rows, int64_t size, int64_t lanes, Pair* to) {
  for (int64_t first = 0; first < lanes; first += kTile)
    for (int64_t p = 0; p < size / 2; p += kTile) {
      const __mmask16 columns = first_lanes(size / 2 - p);
      __m512i tile[kTile];
#pragma GCC unroll 16
      for (int i = 0; i < kTile; ++i)
        tile[i] = first + i < rows.count ? _mm512_maskz_loadu_epi32(columns, rows[first + i] + 2 * p) : _mm512_setzero_si512();
      transpose(tile);
      for (int64_t i = 0; i < std::min<int64_t>(kTile, size / 2 - p); ++i) _mm512_mask_storeu_epi32(to + (p + i) * lanes + first, first_lanes(lanes - first), tile[i]);
    }
}

DEFOUND_AVX512 void block_to_rows(const Pair* from, int64_t size, int64_t lanes, const Rows<Bf16>& rows) {
  for (int64_t first = 0; first < rows.count; first += kTile)
    for (int64_t p = 0; p < size / 2; p += kTile) {
      const __mmask16 columns = first_lanes(size / 2 - p);
      __m512i tile[kTile];
#pragma GCC unroll 16
      for (int i = 0; i < kTile; ++i) tile[i] = p + i < size / 2 ? _mm512_loadu_si512(from + (p + i) * lanes + first) : _mm512_setzero_si512();
      transpose(tile);
      for (int64_t i = 0; i < std::min<int64_t>(kTile, rows.count - first); ++i) _mm512_mask_storeu_epi32(rows[first + i] + 2 * p, columns, tile[i]);
    }
}

DEFOUND_AVX512 void pair_rows(const Rows<const Bf16>& rows, int64_t size, int64_t pairs, int64_t lanes, Pair* to) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i lower = _mm512_or_si512(lane, _mm512_slli_epi32(_mm512_or_si512(lane, _mm512_set1_epi32(32)), 16));  // element i of the one, then of the other
  const __m512i upper = _mm512_add_epi16(lower, _mm512_set1_epi16(kTile));
  for (int64_t e = 0; e < lanes; e += 2 * kTile) {
    const __mmask32 columns = first_lanes_of_32(std::max<int64_t>(size - e, 0));
    const __mmask16 stored = first_lanes(lanes - e), above = lanes - e > kTile ? first_lanes(lanes - e - kTile) : __mmask16{0};
    const Bf16* from = rows.first + e;
    Pair* out = to + e;
    for (int64_t i = 0; i < 2 * pairs; i += 2, from += 2 * rows.stride, out += lanes) {
      const __m512i one = _mm512_maskz_loadu_epi16(i < rows.count ? columns : 0U, from);
      const __m512i two = _mm512_maskz_loadu_epi16(i + 1 < rows.count ? columns : 0U, from + rows.stride);
      _mm512_mask_storeu_epi32(out, stored, _mm512_permutex2var_epi16(one, lower, two));
      if (above) _mm512_mask_storeu_epi32(out + kTile, above, _mm512_permutex2var_epi16(one, upper, two));
    }
  }
}

DEFOUND_AVX512 void round_to_pairs(const float* values, int64_t count, Pair* to) {
  for (int64_t i = 0; i < count; i += kLanes) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i / 2), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(values + i)));
}

}  // namespace defound::avx512
#else
namespace defound::avx512 {
bool runs_here() { return false; }
void rows_to_block(const Rows<const Bf16>&, int64_t, int64_t, Pair*) {}
void block_to_rows(const Pair*, int64_t, int64_t, const Rows<Bf16>&) {}
void pair_rows(const Rows<const Bf16>&, int64_t, int64_t, int64_t, Pair*) {}
void round_to_pairs(const float*, int64_t, Pair*) {}
}  // namespace defound::avx512
#endif
