#pragma once
#include <torch/torch.h>

namespace defound {

/// Scaled dot-product attention, softmax(q k^T / sqrt(d)) v, without mask: q [N, heads, L, d], k and v
/// [N, heads, S, d] -> [N, heads, L, d]. Takes the form that is fastest for device, type and length.
torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

/// Self-attention from a packed projection [N, L, 3*D] (q, k, v after each other, each head by head, as timm's
/// `attn.qkv` gives) -> [N, L, D].
torch::Tensor attend_packed(const torch::Tensor& qkv, int64_t num_heads);

/// Attention of several heads: query [N, L, D], key and value [N, M, D], each head by head -> [N, L, D].
torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads);

}  // namespace defound
