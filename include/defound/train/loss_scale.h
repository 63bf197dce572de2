#pragma once
#include <torch/torch.h>

#include "defound/tensor/safetensors.h"

namespace defound {

/// Dynamic loss scaling for fp16 (Micikevicius et al., ICLR 2018, section 3.2; constants of torch.amp.GradScaler): the
/// scale doubles after 2,000 good steps and halves when a gradient overflows. Lives on the device. Off: always 1.
class LossScale {
 public:
  LossScale(bool on, torch::Device device);
  bool is_on() const { return scale_.defined(); }
  torch::Tensor apply(const torch::Tensor& loss) const { return is_on() ? loss * scale_ : loss; }
  /// 1 / scale: undefined when off.
  torch::Tensor inverse() const { return is_on() ? scale_.reciprocal() : torch::Tensor(); }
  /// True on the device while a smaller scale may still cure an overflow.
  torch::Tensor can_shrink() const { return scale_ > 1.0; }
  /// `overflowed`: device scalar, 1 when the step was skipped.
  void update(const torch::Tensor& overflowed);

  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  torch::Tensor scale_, good_steps_;
};

}  // namespace defound
