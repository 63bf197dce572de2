#pragma once
#include <torch/torch.h>

#include <vector>

#include "defound/train/master_weights.h"

namespace defound {

/// The gradient of one optimizer step, summed in fp32 over its micro-batches. In fp32 that is autograd's own sum.
class Gradients {
 public:
  explicit Gradients(const MasterWeights& weights) : weights_(weights), sums_(weights.params().size()) {}
  /// After each micro-batch's backward pass.
  void add();
  /// Gradients in the order of the masters; undefined where the loss did not reach the parameter.
  const std::vector<torch::Tensor>& sums();
  /// Euclidean norm over all of them: an fp32 device scalar, not finite when any of them is not.
  torch::Tensor norm();
  /// Multiplies all by a device scalar or a number.
  void scale(const torch::Tensor& factor);
  void clear();

 private:
  std::vector<torch::Tensor> present();
  const MasterWeights& weights_;
  std::vector<torch::Tensor> sums_;
};

/// The factor that brings a gradient of this norm down to `max_norm` (1 when it is below); as torch's clip_grad_norm_.
torch::Tensor clip_factor(const torch::Tensor& norm, double max_norm);

}  // namespace defound
