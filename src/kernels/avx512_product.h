#pragma once
#include "avx512_layouts.h"

// The inner parts of a product of two bf16 matrices, on panels: kTileRows rows of the left one and kTileColumns columns of
// the right one, as the sum takes them. A tile of the result stays in registers (Goto and van de Geijn, Anatomy of
// High-Performance Matrix Multiplication, 2008).
namespace defound::avx512 {

constexpr int64_t kTileRows = 12, kTileColumns = 32;  // 24 registers of sums

/// A matrix, and whether the summed index runs along its rows or down its columns.
struct Factor {
  const Bf16* first;
  int64_t stride;
  bool along_rows;
  /// From the row (or column) `outer` of the result on, and the summed index `inner`.
  Factor from(int64_t outer, int64_t inner) const { return {first + (along_rows ? outer * stride + inner : inner * stride + outer), stride, along_rows}; }
};

/// `count` rows (or columns) of the result, `depth` summed (even where the sum is along rows)
/// -> panels [depth / 2, up][width], zeros behind the last.
void pack_panels(const Factor& factor, int64_t count, int64_t depth, int64_t width, Pair* to);

/// Some rows and columns of the result, and one part of their sum.
struct PanelProduct {
  const Pair *left, *right;
  int64_t rows, columns, pairs;
  bool first, last;     ///< part of the sum
  float* partial;       ///< [row panels][column panels][kTileRows][kTileColumns], between the parts
  const Bf16* bias;     ///< [columns]; null: zeros
  Bf16* out;            ///< [rows], `stride` apart
  int64_t stride;
};
void multiply_panels(const PanelProduct& product);

/// sums [rows] += of each row of a left factor, one part of it.
void add_row_sums(const Pair* left, int64_t rows, int64_t pairs, float* sums);

}  // namespace defound::avx512
