#pragma once
#include <cstdint>

namespace defound::attention {

constexpr int64_t kQueries = 32;  // at a time, one a lane of two registers
using Pair = uint32_t;            // two bf16, the first in the lower half

/// Whether this processor has the instructions (x86: AVX512-BF16).
bool runs_here();

/// Attention of kQueries queries [size / 2][kQueries] over `keys` keys [keys][size / 2] and values [keys / 2, up][size]
/// of one head, scores divided by sqrt(size) -> mixed [size][kQueries].
void attend(const Pair* queries, const Pair* key, const Pair* value, int64_t keys, int64_t size, float* mixed);

}  // namespace defound::attention
