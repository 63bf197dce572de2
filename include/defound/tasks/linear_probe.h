#pragma once
#include <cstdint>
#include <vector>

namespace at {
class Tensor;
}

namespace defound {

/// A linear classifier on features.
struct LinearModel {
  int64_t classes = 0, width = 0;
  double strength = 1;                   ///< C of the fit
  std::vector<double> weight, bias;      ///< [classes, width] row by row, [classes]
  /// Softmax of weight x features + bias: [N, classes] row by row for features [N, width].
  std::vector<double> probabilities(const at::Tensor& features) const;
};

struct LinearFit {
  /// Take mean and deviation of each feature out first, as the batch norm without weights does before the head in MAE's
  /// main_linprobe.py. The model that comes back takes the features as they are.
  bool standardize = true;
  int64_t most_iterations = 2000;
};

/// Logistic regression as scikit-learn's LogisticRegression(C): minimizes C x (sum of cross-entropies) + |weight|^2 / 2,
/// the bias free; multinomial, for two classes binomial. One model for each of `strengths` (C, rising), each fit started
/// from the one before, in double, by L-BFGS with a strong Wolfe line search. Features [N, D], labels 0 .. classes-1 with
/// each class among them.
std::vector<LinearModel> fit_linear(const at::Tensor& features, const std::vector<int64_t>& labels, int64_t classes, const std::vector<double>& strengths,
                                    const LinearFit& options = {});

}  // namespace defound
