#pragma once
#include <torch/torch.h>

namespace defound {

/// Softmax attention of several heads with scale 1/sqrt(D / heads): query [N, L, D], key and value [N, M, D] -> [N, L, D].
torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads);

}  // namespace defound
