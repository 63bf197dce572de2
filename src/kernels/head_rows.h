#pragma once
#include <torch/torch.h>

#include "avx512_attention.h"

namespace defound {

/// bf16 rows of heads, [N, heads, length, size], wherever they lie, and their exchange with the kernels' layouts.
struct HeadRows {
  explicit HeadRows(const torch::Tensor& x)
      : rows(x.stride(-1) == 1 ? x : x.contiguous()), heads(x.size(1)), length(x.size(2)), size(x.size(3)),
        data(reinterpret_cast<attention::Bf16*>(rows.data_ptr<at::BFloat16>())) {}

  /// At most `most` rows of a head from `first`.
  template <class Element = const attention::Bf16>
  attention::Rows<Element> from(int64_t head, int64_t first, int64_t most) const {
    return {data + head / heads * rows.stride(0) + head % heads * rows.stride(1) + first * rows.stride(2), rows.stride(2), std::min(most, length - first)};
  }

  /// -> [length, one more if odd][size / 2], the last row twice then.
  void pack(int64_t head, attention::Pair* to) const;
  /// [length][lanes / 2] -> all rows of a head.
  void unpack(int64_t head, int64_t lanes, const attention::Pair* packed) const;
  /// All rows of a head in pairs -> [length / 2, up][size].
  void pair(int64_t head, attention::Pair* to) const { attention::pair_rows(from(head, 0, length), size, (length + 1) / 2, size, to); }
  /// kQueries of them -> [kQueries / 2][lanes].
  void pair_block(int64_t head, int64_t first, int64_t lanes, attention::Pair* to) const {
    attention::pair_rows(from(head, first, attention::kQueries), size, attention::kQueries / 2, lanes, to);
  }
  void pack_block(int64_t head, int64_t first, attention::Pair* to) const { attention::rows_to_block(from(head, first, attention::kQueries), size, attention::kQueries, to); }
  void unpack_block(int64_t head, int64_t first, const attention::Pair* block) const {
    attention::block_to_rows(block, size, attention::kQueries, from<attention::Bf16>(head, first, attention::kQueries));
  }

  torch::Tensor rows;
  int64_t heads, length, size;
  attention::Bf16* data;
};

}  // namespace defound
