#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/train/ownership.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// Exponential moving average of the fp32 masters: ema = d ema + (1 - d) weights after each step. The decay d of step
/// n (from 1) is min(decay, n / (9 + n)), 0 for the first: diffusers' training_utils.py EMAModel.get_decay without
/// use_ema_warmup, so that a short run does not average in its starting point.
class Ema {
 public:
  Ema(double decay, std::vector<std::string> names, const std::vector<torch::Tensor>& masters);
  static double decay_at(int64_t step, double decay);
  /// After optimizer step number `step` (from 1).
  void update(const std::vector<torch::Tensor>& masters, int64_t step);
  /// Undefined where another process owns it.
  const std::vector<torch::Tensor>& values() const { return values_; }
  /// From now on averages what is own only.
  void keep_own(const Ownership& ownership) { ownership.keep_own(values_); }

  /// "ema/<name>".
  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> values_;
};

}  // namespace defound
