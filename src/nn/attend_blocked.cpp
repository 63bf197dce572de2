#include "defound/nn/attend_blocked.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "defound/nn/attend.h"

namespace defound {
namespace {

constexpr int64_t kLongSequence = 512;        // below it the scores of a head are in the cache anyway
constexpr int64_t kScoreValues = 128 * 4096;  // of a block: 1 MiB in bf16, the L2 of a core
constexpr int64_t kColumns = 16;              // that a kernel makes at once: 48 columns take less time than 40

bool blocks_pay(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value) {
  if (torch::GradMode::is_enabled() && (query.requires_grad() || key.requires_grad() || value.requires_grad())) return false;
  return query.is_cpu() && query.scalar_type() == torch::kBFloat16 && query.size(1) >= kLongSequence && key.size(1) >= kLongSequence;
}

}  // namespace

torch::Tensor attend_blocked(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, int64_t rows) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
  const int64_t length = q.size(1), blocks = (length + rows - 1) / rows;
  torch::Tensor out = torch::empty({q.size(0), length, v.size(2)}, q.options());
  at::parallel_for(0, q.size(0) * blocks, 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    torch::Tensor buffer = torch::empty({rows, k.size(1)}, q.options());
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / blocks, first = task % blocks * rows, count = std::min(rows, length - first);
      torch::Tensor scores = buffer.narrow(0, 0, count), mixed = out[head].narrow(0, first, count);
      at::addmm_out(scores, scores, q[head].narrow(0, first, count), k[head].t(), /*beta=*/0, /*alpha=*/scale);
      at::_softmax_out(scores, scores, -1, /*half_to_float=*/false);
      at::mm_out(mixed, scores, v[head]);
    }
  });
  return out;
}

torch::Tensor attend_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value, int64_t heads) {
  const int64_t n = query.size(0), width = query.size(2);
  const auto split = [&](const torch::Tensor& x) { return x.view({n, x.size(1), heads, width / heads}).transpose(1, 2); };  // [N, heads, L, d]
  if (!blocks_pay(query, key, value)) return attend(split(query), split(key), split(value)).transpose(1, 2).reshape(query.sizes());
  const auto flat = [&](const torch::Tensor& x) { return split(x).reshape({n * heads, x.size(1), width / heads}); };        // [N heads, L, d]
  const int64_t head = width / heads, more = (kColumns - head % kColumns) % kColumns;
  const torch::Tensor values = more > 0 ? torch::constant_pad_nd(flat(value), {0, more}) : flat(value);                     // [N heads, L, d + more]
  const torch::Tensor mixed = attend_blocked(flat(query), flat(key), values, std::clamp<int64_t>(kScoreValues / key.size(1), 64, 512));
  return mixed.narrow(2, 0, head).unflatten(0, {n, heads}).transpose(1, 2).reshape(query.sizes());
}

}  // namespace defound
