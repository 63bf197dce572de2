#pragma once
#include <torch/torch.h>

namespace defound {

/// Softmax attention of several heads with scale 1/sqrt(D / heads), for sequences of any length: query [N, L, D], key
/// and value [N, M, D] -> [N, L, D]. Long ones without gradients go by attend_blocked, others by attend().
torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads);

/// The same for q [B, L, d], k and v [B, M, d] of one head each, on a CPU, without gradients: for `rows` queries at a
/// time product, softmax, product, so that the scores [rows, M] stay in a core's cache. Each core takes its own blocks.
torch::Tensor attend_blocked(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, int64_t rows);

}  // namespace defound
