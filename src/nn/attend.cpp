#include "defound/nn/attend.h"

#include <cmath>

#include "defound/kernels/attend_bf16.h"

namespace defound {
namespace {

/// The fused kernel of a CPU does not pay in bf16 while the scores of a head stay in the cache; on the meta device the
/// products are written out so that they can be counted.
bool composed_is_faster(const torch::Tensor& q, const torch::Tensor& k) {
  if (q.is_meta()) return true;
  return q.is_cpu() && q.scalar_type() == torch::kBFloat16 && q.size(-2) * k.size(-2) <= 512 * 512;
}

}  // namespace

torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  if (attends_in_bf16(q, k, v)) return attend_bf16(q, k, v).transpose(1, 2);
  if (!composed_is_faster(q, k)) return at::scaled_dot_product_attention(q, k, v);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  return torch::matmul(torch::softmax(torch::matmul(q * scale, k.transpose(-2, -1)), -1), v);
}

torch::Tensor attend_packed(const torch::Tensor& qkv, int64_t num_heads) {
  const int64_t n = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const torch::Tensor heads = qkv.view({n, length, 3, num_heads, width / num_heads});                             // [N, L, 3, heads, d]
  const auto parts = heads.permute({2, 0, 3, 1, 4}).unbind(0);                                                    // 3 x [N, heads, L, d]
  if (attends_in_bf16(parts[0], parts[1], parts[2])) return attend_packed_bf16(heads).view({n, length, width});
  return attend(parts[0], parts[1], parts[2]).transpose(1, 2).reshape({n, length, width});                        // [N, L, D]
}

torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads) {
  const auto split = [heads](const torch::Tensor& x) { return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2); };   // [N, heads, L, d]
  return attend(split(query), split(key), split(value)).transpose(1, 2).reshape(query.sizes());                                // [N, L, D]
}

}  // namespace defound
