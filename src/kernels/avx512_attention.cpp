#include "avx512_attention.h"

#if defined(__x86_64__)
#include "avx512_tiles.h"

namespace defound::attention {
namespace {

/// exp((score - most) * scale) of two keys, in pairs; `scale` counts in powers of two. Their sum.
DEFOUND_AVX512 inline __m512 weigh(const float* scores, __m512 scale, __m512 most, Pair* to) {
  const __m512 one = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores), scale, most));
  const __m512 two = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + kQueries), scale, most));
  _mm512_storeu_si512(to, interleaved(one, two));
  return _mm512_add_ps(one, two);
}

}  // namespace

DEFOUND_AVX512 void attend(const Pair* queries, const Pair* key, const Pair* value, int64_t keys, int64_t size, Pair* mixed, Softmax& softmax) {
  alignas(64) float scores[kKeys * kQueries];
  alignas(64) Pair weights[kKeys / 2 * kQueries];
  const __m512 scale = _mm512_set1_ps(scale_of(size));
  std::vector<float> sums(static_cast<size_t>(size * kQueries));
  Halves most{_mm512_set1_ps(kLowest), _mm512_set1_ps(kLowest)}, sum{_mm512_setzero_ps(), _mm512_setzero_ps()}, scaled = most;
  for (int64_t first = 0; first < keys; first += kKeys) {
    const int64_t valid = std::min(kKeys, keys - first), count = valid + valid % 2;
    const Halves before = most;
    score_block(key + first * size / 2, queries, count, size, scores, most);
    std::fill(scores + valid * kQueries, scores + count * kQueries, kLowest);
    const Halves kept{power_of_two(_mm512_mul_ps(_mm512_sub_ps(before.low, most.low), scale)), power_of_two(_mm512_mul_ps(_mm512_sub_ps(before.high, most.high), scale))};
    scaled = {_mm512_mul_ps(most.low, scale), _mm512_mul_ps(most.high, scale)};
    sum = {_mm512_mul_ps(sum.low, kept.low), _mm512_mul_ps(sum.high, kept.high)};
    for (int64_t j = 0; j < count; j += 2) {
      sum.low = _mm512_add_ps(sum.low, weigh(scores + j * kQueries, scale, scaled.low, weights + j / 2 * kQueries));
      sum.high = _mm512_add_ps(sum.high, weigh(scores + j * kQueries + kLanes, scale, scaled.high, weights + j / 2 * kQueries + kLanes));
    }
    mix_block(value + first / 2 * size, weights, count, size, kept, sums.data());
  }
  const Halves share{_mm512_div_ps(_mm512_set1_ps(1), sum.low), _mm512_div_ps(_mm512_set1_ps(1), sum.high)};
  pair_elements(sums.data(), size, share, mixed);
  store(softmax.most, scaled), store(softmax.share, share);
}

}  // namespace defound::attention
#else
namespace defound::attention {
void attend(const Pair*, const Pair*, const Pair*, int64_t, int64_t, Pair*, Softmax&) {}
}  // namespace defound::attention
#endif
