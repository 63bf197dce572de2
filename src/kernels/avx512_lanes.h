#pragma once
#if defined(__x86_64__)
#include <cstdint>

#include "avx512_target.h"

namespace defound::avx512 {

/// The first `count` of 16 lanes; all when there are more.
DEFOUND_AVX512 inline __mmask16 first_lanes(int64_t count) { return count >= 16 ? __mmask16{0xFFFF} : static_cast<__mmask16>((1U << count) - 1U); }
/// Of 32.
DEFOUND_AVX512 inline __mmask32 first_lanes_of_32(int64_t count) { return count >= 32 ? 0xFFFFFFFFU : (1U << count) - 1U; }

/// bf16 as fp32.
DEFOUND_AVX512 inline __m512 widen(__m256i bf16) { return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16); }

}  // namespace defound::avx512
#endif
