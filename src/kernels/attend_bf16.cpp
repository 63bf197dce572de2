#include "defound/kernels/attend_bf16.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "head_rows.h"

namespace defound {
namespace {

using attention::kQueries;
using attention::Pair;

constexpr int64_t kSoftmaxValues = sizeof(attention::Softmax) / sizeof(float);

int64_t blocks_of(const HeadRows& q) { return (q.length + kQueries - 1) / kQueries; }

/// What is mixed, [N, L, heads, d], and the softmax of each head and block of queries.
std::pair<torch::Tensor, torch::Tensor> mix_heads(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value) {
  RECORD_FUNCTION("defound::attend_bf16", {});
  const HeadRows q(query), k(key), v(value);
  const int64_t count = query.size(0) * q.heads, pairs = (k.length + 1) / 2, size = q.size, blocks = blocks_of(q);
  const torch::Tensor out = torch::empty({query.size(0), q.length, q.heads, size}, query.options());
  const torch::Tensor softmax = torch::empty({count, blocks, kSoftmaxValues}, query.options().dtype(torch::kFloat32));
  const HeadRows mixed(out.transpose(1, 2));
  auto* softmax_of = reinterpret_cast<attention::Softmax*>(softmax.data_ptr<float>());
  std::vector<Pair> keys(static_cast<size_t>(count * pairs * size)), values(keys.size());
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      k.pack(head, keys.data() + head * pairs * size);
      v.pair(head, values.data() + head * pairs * size);
    }
  });
  at::parallel_for(0, count * blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<Pair> queries(static_cast<size_t>(size / 2 * kQueries)), result(queries.size());
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / blocks, first = task % blocks * kQueries;
      q.pack_block(head, first, queries.data());
      attention::attend(queries.data(), keys.data() + head * pairs * size, values.data() + head * pairs * size, k.length, size, result.data(), softmax_of[task]);
      mixed.unpack_block(head, first, result.data());
    }
  });
  return {out, softmax};
}

/// Packed forms of one head, and of one block of its queries; made once a thread.
struct BackwardBuffers {
  BackwardBuffers(int64_t keys, int64_t size)
      : lanes(attention::lanes_of(size)), pairs((keys + 1) / 2), k(pairs * size), v(k), k_columns(k), rounded(pairs * lanes),
        q(size / 2 * kQueries), mixed(q), g(q), to_q(q), q_rows(kQueries / 2 * lanes), g_rows(q_rows), to_k(2 * pairs * lanes), to_v(to_k) {}
  int64_t lanes, pairs;
  std::vector<Pair> k, v, k_columns, rounded, q, mixed, g, to_q, q_rows, g_rows;
  std::vector<float> to_k, to_v;
};

struct HeadTensors {
  HeadRows q, k, v;
};

void backward_of_head(int64_t head, const HeadTensors& in, const HeadRows& mixed, const HeadRows& g, const attention::Softmax* softmax,
                      const HeadTensors& to, BackwardBuffers& buffers) {
  in.k.pack(head, buffers.k.data());
  in.v.pack(head, buffers.v.data());
  in.k.pair(head, buffers.k_columns.data());
  std::fill(buffers.to_k.begin(), buffers.to_k.end(), 0.0F);
  std::fill(buffers.to_v.begin(), buffers.to_v.end(), 0.0F);
  const attention::KeyBlock keys{buffers.k.data(), buffers.v.data(), buffers.k_columns.data(), buffers.to_k.data(), buffers.to_v.data()};
  for (int64_t first = 0; first < in.q.length; first += kQueries) {
    in.q.pack_block(head, first, buffers.q.data());
    mixed.pack_block(head, first, buffers.mixed.data());
    g.pack_block(head, first, buffers.g.data());
    in.q.pair_block(head, first, buffers.lanes, buffers.q_rows.data());
    g.pair_block(head, first, buffers.lanes, buffers.g_rows.data());
    const attention::QueryBlock block{buffers.q.data(), buffers.mixed.data(), buffers.g.data(), buffers.q_rows.data(), buffers.g_rows.data(), softmax[first / kQueries]};
    attention::attend_backward(block, keys, in.k.length, in.k.size, buffers.to_q.data());
    to.q.unpack_block(head, first, buffers.to_q.data());
  }
  for (const auto& [sums, rows] : {std::pair<const std::vector<float>&, const HeadRows&>(buffers.to_k, to.k), {buffers.to_v, to.v}}) {
    attention::round_to_pairs(sums.data(), static_cast<int64_t>(sums.size()), buffers.rounded.data());
    rows.unpack(head, buffers.lanes, buffers.rounded.data());
  }
}

/// `mixed` and its gradient [N, L, heads, d] -> `to`, rows of the same shapes as `in`.
void backward_of_heads(const HeadTensors& in, const torch::Tensor& mixed, const torch::Tensor& softmax, const torch::Tensor& gradient, const HeadTensors& to) {
  RECORD_FUNCTION("defound::attend_bf16_backward", {});
  const HeadRows out(mixed.transpose(1, 2)), g(gradient.transpose(1, 2));
  const auto* softmax_of = reinterpret_cast<const attention::Softmax*>(softmax.data_ptr<float>());
  at::parallel_for(0, mixed.size(0) * in.q.heads, 1, [&](int64_t begin, int64_t end) {
    BackwardBuffers buffers(in.k.length, in.k.size);
    for (int64_t head = begin; head < end; ++head) backward_of_head(head, in, out, g, softmax_of + head * blocks_of(in.q), to, buffers);
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct AttendBf16 : torch::autograd::Function<AttendBf16> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
    const auto [mixed, softmax] = mix_heads(q, k, v);
    context->save_for_backward({q, k, v, mixed, softmax});
    return mixed;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const torch::Tensor to_q = torch::empty(q.sizes(), q.options()), to_k = torch::empty(k.sizes(), k.options()), to_v = torch::empty(v.sizes(), v.options());
    backward_of_heads({HeadRows(q), HeadRows(k), HeadRows(v)}, saved[3], saved[4], gradients[0], {HeadRows(to_q), HeadRows(to_k), HeadRows(to_v)});
    return {to_q, to_k, to_v};
  }
};

/// [N, L, 3, heads, d] as the rows of q, k and v.
HeadTensors split(const torch::Tensor& qkv) {
  const auto part = [&](int64_t i) { return HeadRows(qkv.select(2, i).transpose(1, 2)); };  // [N, heads, L, d]
  return {part(0), part(1), part(2)};
}

struct AttendPackedBf16 : torch::autograd::Function<AttendPackedBf16> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& qkv) {
    const auto part = [&](int64_t i) { return qkv.select(2, i).transpose(1, 2); };
    const auto [mixed, softmax] = mix_heads(part(0), part(1), part(2));
    context->save_for_backward({qkv, mixed, softmax});
    return mixed;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor to_qkv = torch::empty(saved[0].sizes(), saved[0].options());
    backward_of_heads(split(saved[0]), saved[1], saved[2], gradients[0], split(to_qkv));
    return {to_qkv};
  }
};

}  // namespace

bool attends_in_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  for (const torch::Tensor& x : {q, k, v})
    if (!x.is_cpu() || x.scalar_type() != torch::kBFloat16) return false;
  return q.numel() > 0 && k.size(-2) > 0 && q.size(-1) % 2 == 0 && v.size(-1) == q.size(-1) && attention::runs_here();
}

torch::Tensor attend_bf16(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) { return AttendBf16::apply(q, k, v); }

torch::Tensor attend_packed_bf16(const torch::Tensor& qkv) { return AttendPackedBf16::apply(qkv); }

}  // namespace defound
