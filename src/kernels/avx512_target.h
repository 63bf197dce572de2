#pragma once
#if defined(__x86_64__)
#include <immintrin.h>

// One function at a time, so that the library itself runs on any processor.
#define DEFOUND_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#endif
