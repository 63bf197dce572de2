#include "avx512_product.h"

#include <algorithm>

namespace defound::avx512 {
namespace {

constexpr int64_t kPackedRows = 32;  // at a time: their pages and lines stay at hand while panel after panel is filled

void pack_rows(const Factor& factor, int64_t count, int64_t depth, int64_t width, Pair* to) {
  for (int64_t row = 0; row < count; row += width, to += depth / 2 * width)
    rows_to_block({factor.first + row * factor.stride, factor.stride, std::min(width, count - row)}, depth, width, to);
}

void pack_columns(const Factor& factor, int64_t count, int64_t depth, int64_t width, Pair* to) {
  const int64_t panel = (depth + 1) / 2 * width;
  for (int64_t row = 0; row < depth; row += kPackedRows) {
    const int64_t rows = std::min(kPackedRows, depth - row);
    for (int64_t column = 0; column < count; column += width) {
      const Factor at = factor.from(column, row);
      pair_rows({at.first, at.stride, rows}, count - column, (rows + 1) / 2, width, to + column / width * panel + row / 2 * width);
    }
  }
}

}  // namespace

void pack_panels(const Factor& factor, int64_t count, int64_t depth, int64_t width, Pair* to) {
  (factor.along_rows ? pack_rows : pack_columns)(factor, count, depth, width, to);
}

}  // namespace defound::avx512

#if defined(__x86_64__)
#include "avx512_lanes.h"

namespace defound::avx512 {
namespace {

constexpr int kRows = kTileRows;

/// One tile: where it starts, and what follows it.
struct Tile {
  const Pair *left, *right;
  const char* next_left;  ///< fetched meanwhile, `next_step` bytes a pair
  int64_t next_step, pairs;
  float* partial;
  const Bf16* bias;
  Bf16* out;
  int64_t stride, rows, columns;
};

template <bool First, bool Last>
DEFOUND_AVX512 inline void multiply_tile(const Tile& tile) {
  __m512 low[kRows], high[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    low[i] = high[i] = _mm512_setzero_ps();
    if (First) continue;
    _mm_prefetch(reinterpret_cast<const char*>(tile.partial + i * kTileColumns), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(tile.partial + i * kTileColumns + kLanes), _MM_HINT_T0);
  }
  const Pair *left = tile.left, *right = tile.right;
  const char* next = tile.next_left;
  for (int64_t p = 0; p < tile.pairs; ++p, left += kTileRows, right += kTileColumns, next += tile.next_step) {
    _mm_prefetch(next, _MM_HINT_T1);
    const __m512bh first = (__m512bh)_mm512_load_si512(right), second = (__m512bh)_mm512_load_si512(right + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const __m512bh one = (__m512bh)_mm512_set1_epi32(static_cast<int>(left[i]));
      low[i] = _mm512_dpbf16_ps(low[i], one, first);
      high[i] = _mm512_dpbf16_ps(high[i], one, second);
    }
  }
  const __mmask32 columns = first_lanes_of_32(tile.columns);
  const __m512i bias = Last && tile.bias ? _mm512_maskz_loadu_epi16(columns, tile.bias) : _mm512_setzero_si512();
  const __m512 bias_low = widen(_mm512_castsi512_si256(bias)), bias_high = widen(_mm512_extracti64x4_epi64(bias, 1));
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    float* partial = tile.partial + i * kTileColumns;
    if (!First) low[i] = _mm512_add_ps(low[i], _mm512_load_ps(partial)), high[i] = _mm512_add_ps(high[i], _mm512_load_ps(partial + kLanes));
    if (!Last) {
      _mm512_store_ps(partial, low[i]), _mm512_store_ps(partial + kLanes, high[i]);
    } else if (i < tile.rows) {
      const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(_mm512_add_ps(high[i], bias_high), _mm512_add_ps(low[i], bias_low));
      _mm512_mask_storeu_epi16(tile.out + i * tile.stride, columns, rounded);
    }
  }
}

template <bool First, bool Last>
DEFOUND_AVX512 void multiply_tiles(const PanelProduct& product) {
  const int64_t column_panels = (product.columns + kTileColumns - 1) / kTileColumns, left_panel = product.pairs * kTileRows, right_panel = product.pairs * kTileColumns;
  Tile tile{.next_step = kTileRows * static_cast<int64_t>(sizeof(Pair)) / column_panels, .pairs = product.pairs, .partial = product.partial, .stride = product.stride};
  for (int64_t row = 0; row < product.rows; row += kTileRows) {
    tile.left = product.left + row / kTileRows * left_panel;
    tile.rows = std::min(kTileRows, product.rows - row);
    for (int64_t column = 0; column < product.columns; column += kTileColumns, tile.partial += kTileRows * kTileColumns) {
      tile.right = product.right + column / kTileColumns * right_panel;
      tile.next_left = reinterpret_cast<const char*>(tile.left + left_panel) + column / kTileColumns * tile.next_step * tile.pairs;
      tile.bias = product.bias ? product.bias + column : nullptr;
      tile.out = product.out + row * product.stride + column;
      tile.columns = product.columns - column;
      multiply_tile<First, Last>(tile);
    }
  }
}

}  // namespace

void multiply_panels(const PanelProduct& product) {
  if (product.first) return product.last ? multiply_tiles<true, true>(product) : multiply_tiles<true, false>(product);
  return product.last ? multiply_tiles<false, true>(product) : multiply_tiles<false, false>(product);
}

DEFOUND_AVX512 void add_row_sums(const Pair* left, int64_t rows, int64_t pairs, float* sums) {
  const __mmask16 panel = first_lanes(kTileRows);
  const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3F803F80);
  for (int64_t row = 0; row < rows; row += kTileRows) {
    __m512 sum[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};  // four, for one alone would wait for itself
    for (int64_t p = 0; p < pairs; ++p, left += kTileRows) sum[p % 4] = _mm512_dpbf16_ps(sum[p % 4], (__m512bh)_mm512_maskz_loadu_epi32(panel, left), ones);
    const __mmask16 valid = first_lanes(std::min(kTileRows, rows - row));
    const __m512 all = _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3]));
    _mm512_mask_storeu_ps(sums + row, valid, _mm512_add_ps(all, _mm512_maskz_loadu_ps(valid, sums + row)));
  }
}

}  // namespace defound::avx512
#else
namespace defound::avx512 {
void multiply_panels(const PanelProduct&) {}
void add_row_sums(const Pair*, int64_t, int64_t, float*) {}
}  // namespace defound::avx512
#endif
