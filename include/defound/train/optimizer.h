#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/tensor/safetensors.h"
#include "defound/train/ownership.h"

namespace defound {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// AdamW (Loshchilov and Hutter, ICLR 2019) over fp32 masters: LibTorch's fused step, one call a group. Same numbers
/// as torch.optim.AdamW. Sharded, each process of a group holds the moments of what it owns, and makes the step of that only.
class AdamW {
 public:
  /// `masters` in the order of the groups' parameters.
  AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options);
  AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options, const Ownership* ownership);
  /// Rate of a group: `rate` x its lr_scale. A parameter whose gradient is undefined is left alone. `skip` is a
  /// device scalar (fp32): where it is 1, nothing changes.
  void step(const std::vector<torch::Tensor>& gradients, double rate, const torch::Tensor& skip);

  /// "exp_avg/<name>", "exp_avg_sq/<name>" of what is own, "optimizer/steps".
  void save(TensorMap& state) const;
  void load(const TensorMap& state);
  /// The leader's state, as it was made or loaded, for all who own a part of it.
  void broadcast(Group& group);
  /// Bytes of moments in this process.
  int64_t moment_bytes() const;

 private:
  bool is_own(size_t index) const { return !ownership_ || ownership_->is_own(index); }
  bool is_sharded() const { return ownership_ && ownership_->is_sharded(); }
  struct Range {
    size_t begin = 0, end = 0;   ///< into the flat lists below
    double weight_decay = 0, lr_scale = 1;
  };
  AdamWOptions options_;
  std::vector<Range> groups_;
  std::vector<std::string> names_;
  const Ownership* ownership_ = nullptr;
  std::vector<torch::Tensor> masters_, exp_avg_, exp_avg_sq_;   ///< undefined where others own them
  TensorMap loaded_;             ///< the leader's, sharded: until broadcast()
  torch::Tensor steps_;          ///< fp32 scalar on the device: steps taken, without the skipped ones
};

}  // namespace defound
