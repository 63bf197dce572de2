#pragma once
#include <torch/torch.h>

namespace defound {

/// Whether attend_bf16 takes these: bf16 on a CPU with AVX512-BF16, heads of even size, no gradients wanted.
bool attends_in_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

/// Softmax attention, softmax(q k^T / sqrt(d)) v, in one pass over the keys: q [N, heads, L, d], k and v [N, heads, S, d]
/// in bf16 -> [N, L, heads, d]. Scores and sums are fp32, probabilities bf16; not finite in, not finite out. The softmax
/// goes block by block of keys with a running maximum (Dao et al., FlashAttention, 2022, algorithm 1).
torch::Tensor attend_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

}  // namespace defound
