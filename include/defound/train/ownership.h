#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/dist/group.h"
#include "defound/train/param_groups.h"

namespace defound {

/// Which process of a group holds what belongs to a parameter beside its value: AdamW's moments, the fp32 master where the
/// model is cast, the moving average (Rajbhandari et al., "ZeRO", SC 2020, stage 1). Where nothing is sharded, all hold all.
class Ownership {
 public:
  /// Parameters in the order of the groups. The largest go first, each to the process that has least so far.
  Ownership(std::span<const ParamGroup> groups, Group& group, bool sharded, torch::Dtype type);

  bool is_sharded() const { return !owners_.empty(); }
  bool is_own(size_t index) const { return !is_sharded() || owners_[index] == group_.rank(); }
  /// The owners' values of all parameters for all processes, in place; one transfer from each.
  void share(const std::vector<torch::Tensor>& tensors) const;
  /// Room for what belongs to parameter `index`, in its shape and strides.
  torch::Tensor like(size_t index) const;
  /// What the owner holds of parameter `index`, for all; `value` may be undefined elsewhere.
  torch::Tensor from_owner(size_t index, const torch::Tensor& value) const;
  /// Lets go of what others own.
  void keep_own(std::vector<torch::Tensor>& tensors) const;

 private:
  Group& group_;
  torch::Dtype type_;             ///< of masters
  std::vector<torch::Tensor> params_;
  std::vector<int64_t> owners_;   ///< rank by parameter; empty: not sharded
};

}  // namespace defound
