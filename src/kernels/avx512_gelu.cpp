#include "avx512_gelu.h"

#if defined(__x86_64__)
#include "avx512_lanes.h"
#include "avx512_power_of_two.h"

namespace defound::avx512 {
namespace {

struct Normal {
  __m512 distribution, density;
};

/// As exact as power_of_two, far within bf16 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26); the
/// exponential of the formula is the density's too.
DEFOUND_AVX512 inline Normal normal_of(__m512 x) {
  const __m512 power = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.5F * std::numbers::log2e_v<float>)), exponential = power_of_two(power);
  const __m512 scale = _mm512_set1_ps(0.3275911F / std::numbers::sqrt2_v<float>);
  const __m512 t = _mm512_div_ps(_mm512_set1_ps(1), _mm512_fmadd_ps(_mm512_abs_ps(x), scale, _mm512_set1_ps(1)));
  __m512 sum = _mm512_set1_ps(1.061405429F / 2);
  for (const float c : {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F}) sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(c / 2));
  const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(sum, t), exponential);
  const __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
  return {_mm512_mask_sub_ps(tail, above, _mm512_set1_ps(1), tail), _mm512_mul_ps(exponential, _mm512_set1_ps(std::numbers::inv_sqrtpi_v<float> / std::numbers::sqrt2_v<float>))};
}

DEFOUND_AVX512 inline __m512 load(__mmask16 lanes, const Bf16* from) { return widen(_mm256_maskz_loadu_epi16(lanes, from)); }
DEFOUND_AVX512 inline void store(__mmask16 lanes, Bf16* to, __m512 values) { _mm256_mask_storeu_epi16(to, lanes, (__m256i)_mm512_cvtneps_pbh(values)); }

}  // namespace

DEFOUND_AVX512 void gelu(const Bf16* x, int64_t count, Bf16* to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 value = load(lanes, x + i);
    store(lanes, to + i, _mm512_mul_ps(value, normal_of(value).distribution));
  }
}

DEFOUND_AVX512 void gelu_backward(const Bf16* x, const Bf16* g, int64_t count, Bf16* to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 value = load(lanes, x + i);
    const Normal normal = normal_of(value);
    store(lanes, to + i, _mm512_mul_ps(load(lanes, g + i), _mm512_fmadd_ps(value, normal.density, normal.distribution)));
  }
}

}  // namespace defound::avx512
#else
namespace defound::avx512 {
void gelu(const Bf16*, int64_t, Bf16*) {}
void gelu_backward(const Bf16*, const Bf16*, int64_t, Bf16*) {}
}  // namespace defound::avx512
#endif
