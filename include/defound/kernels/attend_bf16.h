#pragma once
#include <torch/torch.h>

namespace defound {

/// Whether attend_bf16 takes these: bf16 on a CPU with AVX512-BF16, heads of even size.
bool attends_in_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

/// Softmax attention, softmax(q k^T / sqrt(d)) v, in one pass over the keys: q [N, heads, L, d], k and v [N, heads, S, d]
/// in bf16 -> [N, L, heads, d], with gradients. Scores and sums are fp32, probabilities bf16; not finite in, not finite
/// out. Blocks of keys with a running maximum, computed again on the way back (Dao et al., FlashAttention, 2022).
torch::Tensor attend_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

/// Self-attention of a packed projection [N, L, 3, heads, d] -> [N, L, heads, d], with gradients.
torch::Tensor attend_packed_bf16(const torch::Tensor& qkv);

}  // namespace defound
