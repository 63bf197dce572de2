#pragma once
#include <torch/torch.h>

#include <numeric>
#include <vector>

#include "defound/eval/predictions.h"

namespace defound {

/// How often each row counts, as a float64 column beside the rows: [N, 1].
inline torch::Tensor row_counts(Counts counts, const torch::Tensor& rows) {
  if (counts.empty()) return torch::ones({rows.size(0), 1}, rows.options().dtype(torch::kFloat64));
  return torch::tensor(std::vector<int64_t>(counts.begin(), counts.end())).to(rows.device(), torch::kFloat64).unsqueeze(1);
}

inline int64_t counted_rows(Counts counts, const torch::Tensor& rows) {
  return counts.empty() ? rows.size(0) : std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

}  // namespace defound
