#include "defound/tasks/knn_probe.h"

#include <torch/torch.h>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr int64_t kKnnRows = 256;   // test rows at a time: bounds the similarities in memory

/// Rows of length 1; a row of zeros stays.
torch::Tensor unit_rows(const torch::Tensor& rows) {
  const torch::Tensor values = rows.to(torch::kFloat);
  return values / values.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
}

}  // namespace

std::vector<double> knn_probabilities(const torch::Tensor& train, const std::vector<int64_t>& labels, const torch::Tensor& test, int64_t classes, int64_t k) {
  if (k > train.size(0)) reject("--knn {}: there are only {} training images", k, train.size(0));
  const torch::NoGradGuard no_grad;
  const torch::Tensor known = unit_rows(train).t();                                        // [D, N]
  const torch::Tensor label = torch::tensor(labels, torch::kInt64);
  torch::Tensor shares = torch::zeros({test.size(0), classes}, torch::kFloat64);
  for (int64_t begin = 0; begin < test.size(0); begin += kKnnRows) {
    const int64_t end = std::min(test.size(0), begin + kKnnRows);
    const auto [similarity, nearest] = unit_rows(test.slice(0, begin, end)).mm(known).topk(k, 1);   // [m, k]
    const torch::Tensor votes = (similarity.to(torch::kFloat64) / kKnnTemperature).exp();
    torch::Tensor rows = shares.slice(0, begin, end);
    rows.scatter_add_(1, label.index_select(0, nearest.flatten()).view_as(nearest), votes);
    rows.div_(votes.sum(1, /*keepdim=*/true));
  }
  return {shares.data_ptr<double>(), shares.data_ptr<double>() + shares.numel()};
}

}  // namespace defound
