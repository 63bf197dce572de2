#pragma once
#include "avx512_layouts.h"

// Attention of one head on a processor with AVX512-BF16, for kQueries queries at a time. Sizes of heads are even; where
// keys stand in pairs, an odd number of them is followed by one more: the last key again, a value of zeros.
namespace defound::attention {

using namespace avx512;
constexpr int64_t kQueries = 32;  // one a lane of two registers

/// What the softmax of each query was divided by: 2^(score * log2(e) / sqrt(size) - most) * share is its weight.
struct Softmax {
  float most[kQueries], share[kQueries];
};

/// Queries [size / 2][kQueries], keys [keys][size / 2], values [keys / 2][size]; scores are divided by sqrt(size)
/// -> mixed [size / 2][kQueries].
void attend(const Pair* queries, const Pair* key, const Pair* value, int64_t keys, int64_t size, Pair* mixed, Softmax& softmax);

/// A block of queries q, what was mixed for them, and the gradients g of that. Unused queries are zeros.
struct QueryBlock {
  const Pair *q, *mixed, *g;    ///< [size / 2][kQueries]: pairs of elements
  const Pair *q_rows, *g_rows;  ///< [kQueries / 2][lanes]: pairs of queries, zeros behind `size`
  Softmax softmax;
};

/// The keys and values of a head and where their gradients are added up.
struct KeyBlock {
  const Pair *k, *v;      ///< [keys][size / 2]: pairs of elements
  const Pair* k_columns;  ///< [keys / 2][size]: pairs of keys
  float *to_k, *to_v;     ///< [keys, even][lanes]
};

/// Gradients of attend() (Dao et al., FlashAttention, 2022, algorithm 4): added to head.to_k and .to_v, and those of the
/// queries -> to_q [size / 2][kQueries].
void attend_backward(const QueryBlock& block, const KeyBlock& head, int64_t keys, int64_t size, Pair* to_q);

}  // namespace defound::attention
