#pragma once
#include "filter_weights.h"

namespace defound {

/// Rows of the passes are a multiple of this many bytes.
constexpr int64_t kRowPadding = 64;

/// The horizontal pass over `rows` rows: in[y * in_stride + 3 x + c] -> out[y * out_stride + 3 x + c]. Output rows
/// need a byte of room behind them; input rows are read to `width` pixels exactly.
void resize_rows(const uint8_t* in, int64_t in_stride, int64_t width, int64_t rows, const FilterWeights& weights, uint8_t* out, int64_t out_stride);

/// The vertical pass: output row i is the weighted sum of input rows weights.first[i] .. (counted from `in`). Both
/// have `stride` bytes a row, a multiple of 16.
void resize_columns(const uint8_t* in, int64_t stride, const FilterWeights& weights, uint8_t* out);

}  // namespace defound
