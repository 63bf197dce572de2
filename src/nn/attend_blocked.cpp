#include "defound/nn/attend_blocked.h"

namespace defound {

torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads) {
  const auto split = [heads](const torch::Tensor& x) {  // [N, L, D] -> [N, heads, L, D / heads]
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  return torch::scaled_dot_product_attention(split(query), split(key), split(value)).transpose(1, 2).reshape(query.sizes());
}

}  // namespace defound
