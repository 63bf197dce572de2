#pragma once
#include <cstdint>
#include <vector>

namespace at {
class Tensor;
}

namespace defound {

constexpr double kKnnTemperature = 0.07;   ///< Wu et al. 2018 and DINO

/// Class shares of each row of `test` [M, D] from its k nearest rows of `train` [N, D] by cosine similarity s; each votes
/// for its label with exp(s / 0.07) (Wu et al. 2018; facebookresearch/dino, eval_knn.py, but with the votes scaled to
/// sum 1). [M, classes] row by row. Rejects (exit 2) k above N.
std::vector<double> knn_probabilities(const at::Tensor& train, const std::vector<int64_t>& labels, const at::Tensor& test, int64_t classes, int64_t k);

}  // namespace defound
