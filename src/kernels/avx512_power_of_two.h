#pragma once
#if defined(__x86_64__)
#include <numbers>

#include "avx512_target.h"

namespace defound::avx512 {

/// 2^x, x not above 0, to 3e-6: five terms of the series at the nearest integer. NaN stays: a maximum is its second
/// argument then.
DEFOUND_AVX512 inline __m512 power_of_two(__m512 x) {
  constexpr float c1 = std::numbers::ln2_v<float>, c2 = c1 * c1 / 2, c3 = c2 * c1 / 3, c4 = c3 * c1 / 4, c5 = c4 * c1 / 5;
  x = _mm512_max_ps(_mm512_set1_ps(-126.0F), x);
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), rest = _mm512_sub_ps(x, whole);
  __m512 y = _mm512_fmadd_ps(_mm512_set1_ps(c5), rest, _mm512_set1_ps(c4));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c3));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c2));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(c1));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(y, whole);
}

}  // namespace defound::avx512
#endif
