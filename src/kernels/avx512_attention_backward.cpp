#include "avx512_attention.h"

#if defined(__x86_64__)
#include "avx512_tiles.h"

namespace defound::attention {
namespace {

/// Of a block of keys, all queries: the weights and the gradients of the scores.
struct Weights {
  alignas(64) Pair weight_rows[kKeys * kQueries / 2];   // [key][query pairs]
  alignas(64) Pair slope_rows[kKeys * kQueries / 2];    // the same of the gradients
  alignas(64) Pair slope_columns[kKeys / 2 * kQueries]; // [key pairs][query]
};

/// Of one key and 16 queries.
struct Weight {
  __m512 value, slope;
};

DEFOUND_AVX512 inline Weight weigh_again(const float* score, const float* gradient, __m512 scale, __m512 most, __m512 share, __m512 product, __m512 divisor) {
  const __m512 value = _mm512_mul_ps(share, power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(score), scale, most)));
  const __m512 slope = _mm512_mul_ps(_mm512_mul_ps(value, divisor), _mm512_sub_ps(_mm512_loadu_ps(gradient), product));
  return {value, slope};
}

/// `scores` and the `gradients` of the weights, [count][kQueries] each.
DEFOUND_AVX512 inline void weigh_block(const float* scores, const float* gradients, int64_t count, int64_t size, const Softmax& softmax, Halves product, Weights& to) {
  const Halves most = load(softmax.most), share = load(softmax.share);
  const __m512 scale = _mm512_set1_ps(scale_of(size)), divisor = _mm512_set1_ps(1.0F / std::sqrt(static_cast<float>(size)));
  for (int64_t j = 0; j < count; j += 2) {
    Weight low[2], high[2];
    for (int64_t n = 0; n < 2; ++n) {
      const int64_t at = (j + n) * kQueries;
      low[n] = weigh_again(scores + at, gradients + at, scale, most.low, share.low, product.low, divisor);
      high[n] = weigh_again(scores + at + kLanes, gradients + at + kLanes, scale, most.high, share.high, product.high, divisor);
      _mm512_storeu_si512(to.weight_rows + at / 2, (__m512i)_mm512_cvtne2ps_pbh(high[n].value, low[n].value));
      _mm512_storeu_si512(to.slope_rows + at / 2, (__m512i)_mm512_cvtne2ps_pbh(high[n].slope, low[n].slope));
    }
    _mm512_storeu_si512(to.slope_columns + j / 2 * kQueries, interleaved(low[0].slope, low[1].slope));
    _mm512_storeu_si512(to.slope_columns + j / 2 * kQueries + kLanes, interleaved(high[0].slope, high[1].slope));
  }
}

/// to [Rows][lanes] += weights [Rows][kQueries / 2] x rows [kQueries / 2][lanes], of Registers * kLanes lanes.
template <int Rows, int Registers>
DEFOUND_AVX512 inline void add_product(const Pair* weights, const Pair* rows, int64_t lanes, float* to) {
  __m512 sums[Rows][Registers];
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j)
#pragma GCC unroll 16
    for (int r = 0; r < Registers; ++r) sums[j][r] = _mm512_loadu_ps(to + j * lanes + r * kLanes);
  for (int64_t p = 0; p < kQueries / 2; ++p) {
    __m512bh row[Registers];
#pragma GCC unroll 16
    for (int r = 0; r < Registers; ++r) row[r] = pairs(rows + p * lanes + r * kLanes);
#pragma GCC unroll 16
    for (int j = 0; j < Rows; ++j) {
      const __m512bh weight = everywhere(weights[j * kQueries / 2 + p]);
#pragma GCC unroll 16
      for (int r = 0; r < Registers; ++r) sums[j][r] = _mm512_dpbf16_ps(sums[j][r], weight, row[r]);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < Rows; ++j)
#pragma GCC unroll 16
    for (int r = 0; r < Registers; ++r) _mm512_storeu_ps(to + j * lanes + r * kLanes, sums[j][r]);
}

template <int Registers>
DEFOUND_AVX512 inline void add_columns(const Pair* weights, const Pair* rows, int64_t count, int64_t lanes, float* to) {
  constexpr int kRows = 24 / Registers / 2 * 2;  // as many as registers hold
  int64_t j = 0;
  for (; j + kRows <= count; j += kRows) add_product<kRows, Registers>(weights + j * kQueries / 2, rows, lanes, to + j * lanes);
  for (; j < count; j += 2) add_product<2, Registers>(weights + j * kQueries / 2, rows, lanes, to + j * lanes);
}

DEFOUND_AVX512 inline void add_block(const Pair* weights, const Pair* rows, int64_t count, int64_t lanes, float* to) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= lanes; i += 2 * kLanes) add_columns<2>(weights, rows + i, count, lanes, to + i);
  for (; i < lanes; i += kLanes) add_columns<1>(weights, rows + i, count, lanes, to + i);
}

/// Of what was mixed for each query and its gradient.
DEFOUND_AVX512 inline Halves product_of(const QueryBlock& block, int64_t size) {
  Halves sum{_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int64_t at = 0; at < size / 2 * kQueries; at += kQueries)
    sum = {_mm512_dpbf16_ps(sum.low, pairs(block.mixed + at), pairs(block.g + at)),
           _mm512_dpbf16_ps(sum.high, pairs(block.mixed + at + kLanes), pairs(block.g + at + kLanes))};
  return sum;
}

}  // namespace

DEFOUND_AVX512 void attend_backward(const QueryBlock& block, const KeyBlock& head, int64_t keys, int64_t size, Pair* to_q) {
  alignas(64) float scores[kKeys * kQueries], gradients[kKeys * kQueries];
  Weights weights;
  std::vector<float> sums(static_cast<size_t>(size * kQueries));
  const int64_t lanes = lanes_of(size);
  const Halves all{_mm512_set1_ps(1), _mm512_set1_ps(1)}, product = product_of(block, size);
  Halves unused = all;
  for (int64_t first = 0; first < keys; first += kKeys) {
    const int64_t valid = std::min(kKeys, keys - first), count = valid + valid % 2;
    score_block(head.k + first * size / 2, block.q, count, size, scores, unused);
    score_block(head.v + first * size / 2, block.g, count, size, gradients, unused);
    std::fill(scores + valid * kQueries, scores + count * kQueries, kLowest);
    weigh_block(scores, gradients, count, size, block.softmax, product, weights);
    mix_block(head.k_columns + first / 2 * size, weights.slope_columns, count, size, all, sums.data());
    add_block(weights.slope_rows, block.q_rows, count, lanes, head.to_k + first * lanes);
    add_block(weights.weight_rows, block.g_rows, count, lanes, head.to_v + first * lanes);
  }
  pair_elements(sums.data(), size, all, to_q);
}

}  // namespace defound::attention
#else
namespace defound::attention {
void attend_backward(const QueryBlock&, const KeyBlock&, int64_t, int64_t, Pair*) {}
}  // namespace defound::attention
#endif
