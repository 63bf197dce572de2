#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/tensor/safetensors.h"
#include "defound/train/param_groups.h"

namespace defound {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// AdamW (Loshchilov and Hutter, ICLR 2019) over fp32 masters: LibTorch's fused step, one call a group. Same numbers
/// as torch.optim.AdamW.
class AdamW {
 public:
  /// `masters` in the order of the groups' parameters.
  AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options);
  /// Rate of a group: `rate` x its lr_scale. A parameter whose gradient is undefined is left alone. `skip` is a
  /// device scalar (fp32): where it is 1, nothing changes.
  void step(const std::vector<torch::Tensor>& gradients, double rate, const torch::Tensor& skip);

  /// "exp_avg/<name>", "exp_avg_sq/<name>", "optimizer/steps".
  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  struct Group {
    size_t begin = 0, end = 0;   ///< into the flat lists below
    double weight_decay = 0, lr_scale = 1;
  };
  AdamWOptions options_;
  std::vector<Group> groups_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> masters_, exp_avg_, exp_avg_sq_;
  torch::Tensor steps_;          ///< fp32 scalar on the device: steps taken, without the skipped ones
};

}  // namespace defound
