#include "defound/tasks/linear_probe.h"

#include <torch/optim/lbfgs.h>
#include <torch/torch.h>

#include "defound/core/error.h"
#include "defound/core/log.h"

namespace defound {
namespace {

std::vector<double> values_of(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.detach().to(torch::kFloat64).contiguous();
  return {dense.data_ptr<double>(), dense.data_ptr<double>() + dense.numel()};
}

/// The regression on features as they are given; continues from where it stands.
class Regression {
 public:
  Regression(torch::Tensor features, const std::vector<int64_t>& labels, int64_t classes)
      : features_(std::move(features)), labels_(torch::tensor(labels, torch::kInt64)),
        weight_(torch::zeros({classes == 2 ? 1 : classes, features_.size(1)}, torch::kFloat64).requires_grad_()),
        bias_(torch::zeros({weight_.size(0)}, torch::kFloat64).requires_grad_()) {}

  void fit(double strength, int64_t most_iterations) {
    const torch::AutoGradMode with_gradients(true);
    const double per_image = 1.0 / (strength * static_cast<double>(features_.size(0)));
    auto options = torch::optim::LBFGSOptions(1.0).max_iter(most_iterations).max_eval(2 * most_iterations).history_size(20)
                       .tolerance_grad(1e-8).tolerance_change(1e-14).line_search_fn("strong_wolfe");
    torch::optim::LBFGS optimizer({weight_, bias_}, options);
    optimizer.step([&] {
      optimizer.zero_grad();
      const torch::Tensor loss = torch::cross_entropy_loss(logits(), labels_) + 0.5 * per_image * weight_.square().sum();
      loss.backward();
      return loss;
    });
    const double slope = std::max(weight_.grad().abs().max().item<double>(), bias_.grad().abs().max().item<double>());
    if (!(slope < 1e-4)) log::warn("the linear probe with C {:g} has not converged: its largest gradient is {:.1e}", strength, slope);
  }

  /// Both in full, one row a class: the binomial form leaves the first class at 0.
  torch::Tensor weight() const { return full(weight_); }
  torch::Tensor bias() const { return full(bias_); }

 private:
  static torch::Tensor full(const torch::Tensor& rows) { return rows.size(0) > 1 ? rows.detach() : torch::cat({torch::zeros_like(rows), rows}).detach(); }
  torch::Tensor logits() const {
    const torch::Tensor rows = torch::addmm(bias_, features_, weight_.t());   // [N, classes], or [N, 1] for two
    return rows.size(1) > 1 ? rows : torch::cat({torch::zeros_like(rows), rows}, 1);
  }
  torch::Tensor features_, labels_, weight_, bias_;
};

}  // namespace

std::vector<double> LinearModel::probabilities(const torch::Tensor& features) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor weights = torch::tensor(weight, torch::kFloat64).view({classes, width});
  return values_of(torch::addmm(torch::tensor(bias, torch::kFloat64), features.to(torch::kFloat64), weights.t()).softmax(1));
}

std::vector<LinearModel> fit_linear(const torch::Tensor& features, const std::vector<int64_t>& labels, int64_t classes, const std::vector<double>& strengths,
                                    const LinearFit& options) {
  if (features.dim() != 2 || features.size(0) != static_cast<int64_t>(labels.size())) fail("linear probe: features must be [{}, D]", labels.size());
  torch::Tensor rows = features.to(torch::kFloat64);
  torch::Tensor mean = torch::zeros({rows.size(1)}, torch::kFloat64), deviation = torch::ones_like(mean);
  if (options.standardize) {
    const auto [variance, average] = torch::var_mean(rows, torch::IntArrayRef{0}, /*unbiased=*/false, /*keepdim=*/false);
    mean = average;
    deviation = torch::where(variance > 0, variance.sqrt(), torch::ones_like(variance));
    rows = (rows - mean) / deviation;
  }
  Regression regression(rows, labels, classes);
  std::vector<LinearModel> models;
  for (const double strength : strengths) {
    regression.fit(strength, options.most_iterations);
    const torch::Tensor weight = regression.weight() / deviation;
    models.push_back({classes, rows.size(1), strength, values_of(weight), values_of(regression.bias() - weight.mv(mean))});
  }
  return models;
}

}  // namespace defound
