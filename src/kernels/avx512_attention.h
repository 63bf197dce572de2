#pragma once
#include <cstdint>

// Attention of one head on a processor with AVX512-BF16, for kQueries queries at a time. Sizes of heads are even; where
// keys stand in pairs, an odd number of them is followed by one more: the last key again, a value of zeros.
namespace defound::attention {

constexpr int64_t kQueries = 32;  // one a lane of two registers
constexpr int64_t kLanes = 16;    // of a register
using Bf16 = uint16_t;            // its bits
using Pair = uint32_t;            // two bf16, the first in the lower half

/// Whether this processor has the instructions.
bool runs_here();

/// What the softmax of each query was divided by: 2^(score * log2(e) / sqrt(size) - most) * share is its weight.
struct Softmax {
  float most[kQueries], share[kQueries];
};

/// Queries [size / 2][kQueries], keys [keys][size / 2], values [keys / 2][size]; scores are divided by sqrt(size)
/// -> mixed [size / 2][kQueries].
void attend(const Pair* queries, const Pair* key, const Pair* value, int64_t keys, int64_t size, Pair* mixed, Softmax& softmax);

/// Of a row of `size` elements in whole registers.
constexpr int64_t lanes_of(int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

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

/// `count` rows, `stride` elements apart.
template <class Element>
struct Rows {
  Element* first;
  int64_t stride, count;
  Element* operator[](int64_t i) const { return first + i * stride; }
};

/// Up to kQueries rows -> [size / 2][kQueries], pairs of elements, zeros behind the last row; and back.
void rows_to_block(const Rows<const Bf16>& rows, int64_t size, Pair* to);
void block_to_rows(const Pair* from, int64_t size, const Rows<Bf16>& rows);
/// -> [pairs][lanes]: of two neighbouring rows, zeros behind the last row and behind `size`.
void pair_rows(const Rows<const Bf16>& rows, int64_t size, int64_t pairs, int64_t lanes, Pair* to);
/// `count` values, a multiple of kLanes.
void round_to_pairs(const float* values, int64_t count, Pair* to);

}  // namespace defound::attention
