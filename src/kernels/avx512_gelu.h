#pragma once
#include "avx512_layouts.h"

namespace defound::avx512 {

/// to [count] = x Phi(x), Phi the normal distribution's.
void gelu(const Bf16* x, int64_t count, Bf16* to);
/// to [count] = g (Phi(x) + x phi(x)).
void gelu_backward(const Bf16* x, const Bf16* g, int64_t count, Bf16* to);

}  // namespace defound::avx512
