#include "defound/kernels/attend_bf16.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <cstring>

#include "avx512_attention.h"

namespace defound {
namespace {

using attention::kQueries;
using attention::Pair;

/// A tensor [N, heads, length, d] as rows of pairs of bf16, wherever they lie.
struct Heads {
  explicit Heads(const torch::Tensor& x)
      : rows(x.stride(-1) == 1 ? x : x.contiguous()), heads(x.size(1)), length(x.size(2)), size(x.size(3)), data(rows.data_ptr<at::BFloat16>()) {}

  const at::BFloat16* row(int64_t head, int64_t i) const {
    return data + head / heads * rows.stride(0) + head % heads * rows.stride(1) + i * rows.stride(2);
  }

  torch::Tensor rows;
  int64_t heads, length, size;
  const at::BFloat16* data;
};

Pair pair_of(at::BFloat16 low, at::BFloat16 high) { return low.x | static_cast<Pair>(high.x) << 16; }

/// [heads][keys, even][d / 2]; an odd number of keys gets its last one twice.
std::vector<Pair> keys_in_pairs(const Heads& k, int64_t count, int64_t padded) {
  std::vector<Pair> packed(count * padded * k.size / 2);
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * padded; i < end * padded; ++i) {
      const at::BFloat16* row = k.row(i / padded, std::min(i % padded, k.length - 1));
      std::memcpy(packed.data() + i * k.size / 2, row, k.size * sizeof(at::BFloat16));
    }
  });
  return packed;
}

/// [heads][keys / 2][d]: the same element of two neighbours; behind an odd number of keys stand zeros.
std::vector<Pair> values_in_pairs(const Heads& v, int64_t count, int64_t padded) {
  std::vector<Pair> packed(count * padded / 2 * v.size);
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * padded / 2; i < end * padded / 2; ++i) {
      const int64_t head = i / (padded / 2), first = i % (padded / 2) * 2;
      const at::BFloat16 *low = v.row(head, first), *high = first + 1 < v.length ? v.row(head, first + 1) : nullptr;
      for (int64_t e = 0; e < v.size; ++e) packed[i * v.size + e] = pair_of(low[e], high ? high[e] : at::BFloat16(0));
    }
  });
  return packed;
}

}  // namespace

bool attends_in_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  for (const torch::Tensor& x : {q, k, v})
    if (!x.is_cpu() || x.scalar_type() != torch::kBFloat16 || (torch::GradMode::is_enabled() && x.requires_grad())) return false;
  return q.numel() > 0 && k.size(-2) > 0 && q.size(-1) % 2 == 0 && v.size(-1) == q.size(-1) && attention::runs_here();
}

torch::Tensor attend_bf16(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value) {
  RECORD_FUNCTION("defound::attend_bf16", {});
  const Heads q(query), k(key), v(value);
  const int64_t count = query.size(0) * q.heads, padded = k.length + k.length % 2, size = q.size, blocks = (q.length + kQueries - 1) / kQueries;
  const std::vector<Pair> keys = keys_in_pairs(k, count, padded), values = values_in_pairs(v, count, padded);
  torch::Tensor out = torch::empty({query.size(0), q.length, q.heads, size}, query.options());
  at::BFloat16* to = out.data_ptr<at::BFloat16>();
  at::parallel_for(0, count * blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<Pair> queries(size / 2 * kQueries);
    std::vector<float> mixed(size * kQueries);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / blocks, first = task % blocks * kQueries, rows = std::min(kQueries, q.length - first);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t p = 0; p < size / 2; ++p) std::memcpy(&queries[p * kQueries + r], q.row(head, first + r) + 2 * p, sizeof(Pair));
      attention::attend(queries.data(), keys.data() + head * padded * size / 2, values.data() + head * padded / 2 * size, k.length, size, mixed.data());
      for (int64_t r = 0; r < rows; ++r) {
        at::BFloat16* row = to + ((head / q.heads * q.length + first + r) * q.heads + head % q.heads) * size;
        for (int64_t e = 0; e < size; ++e) row[e] = mixed[e * kQueries + r];
      }
    }
  });
  return out;
}

}  // namespace defound
