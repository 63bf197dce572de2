#include "avx512_attention.h"

#if defined(__x86_64__)
#include "avx512_tiles.h"

namespace defound::attention {
namespace {

constexpr int kTile = 16;  // rows and columns that are turned at once

DEFOUND_AVX512 inline __mmask16 first_lanes(int64_t count) { return count >= kTile ? __mmask16{0xFFFF} : static_cast<__mmask16>((1U << count) - 1U); }

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

DEFOUND_AVX512 void rows_to_block(const Rows<const Bf16>& rows, int64_t size, Pair* to) {
  for (int64_t first = 0; first < kQueries; first += kTile)
    for (int64_t p = 0; p < size / 2; p += kTile) {
      const __mmask16 columns = first_lanes(size / 2 - p);
      __m512i tile[kTile];
#pragma GCC unroll 16
      for (int i = 0; i < kTile; ++i)
        tile[i] = first + i < rows.count ? _mm512_maskz_loadu_epi32(columns, rows[first + i] + 2 * p) : _mm512_setzero_si512();
      transpose(tile);
      for (int64_t i = 0; i < std::min<int64_t>(kTile, size / 2 - p); ++i) _mm512_storeu_si512(to + (p + i) * kQueries + first, tile[i]);
    }
}

DEFOUND_AVX512 void block_to_rows(const Pair* from, int64_t size, const Rows<Bf16>& rows) {
  for (int64_t first = 0; first < rows.count; first += kTile)
    for (int64_t p = 0; p < size / 2; p += kTile) {
      const __mmask16 columns = first_lanes(size / 2 - p);
      __m512i tile[kTile];
#pragma GCC unroll 16
      for (int i = 0; i < kTile; ++i) tile[i] = p + i < size / 2 ? _mm512_loadu_si512(from + (p + i) * kQueries + first) : _mm512_setzero_si512();
      transpose(tile);
      for (int64_t i = 0; i < std::min<int64_t>(kTile, rows.count - first); ++i) _mm512_mask_storeu_epi32(rows[first + i] + 2 * p, columns, tile[i]);
    }
}

DEFOUND_AVX512 void pair_rows(const Rows<const Bf16>& rows, int64_t size, int64_t pairs, int64_t lanes, Pair* to) {
  for (int64_t i = 0; i < 2 * pairs; i += 2, to += lanes)
    for (int64_t e = 0; e < lanes; e += kTile) {
      const __mmask16 columns = e < size ? first_lanes(size - e) : __mmask16{0};
      const auto half = [&](int64_t row) DEFOUND_AVX512 {
        return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(row < rows.count ? columns : __mmask16{0}, rows[row] + e));
      };
      const __m512i both = _mm512_or_si512(half(i), _mm512_slli_epi32(half(i + 1), 16));
      _mm512_mask_storeu_epi32(to + e, first_lanes(lanes - e), both);
    }
}

DEFOUND_AVX512 void round_to_pairs(const float* values, int64_t count, Pair* to) {
  for (int64_t i = 0; i < count; i += kLanes) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i / 2), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(values + i)));
}

}  // namespace defound::attention
#else
namespace defound::attention {
void rows_to_block(const Rows<const Bf16>&, int64_t, Pair*) {}
void block_to_rows(const Pair*, int64_t, const Rows<Bf16>&) {}
void pair_rows(const Rows<const Bf16>&, int64_t, int64_t, int64_t, Pair*) {}
void round_to_pairs(const float*, int64_t, Pair*) {}
}  // namespace defound::attention
#endif
