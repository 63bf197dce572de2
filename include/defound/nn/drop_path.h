#pragma once
#include <torch/torch.h>

#include <span>
#include <string>

#include "defound/core/random.h"

namespace defound {

/// The samples that stand in the rows of a batch, and where their randomness comes from.
struct RowDraws {
  Draws draws;
  std::span<const uint64_t> ids;
};

/// Stochastic depth (Huang et al. 2016; timm's drop_path with scale_by_keep): rows of `branch` [N, ...] are zeroed with
/// probability `rate`, the others divided by 1 - rate. Which rows: by (draws, layer, id) only.
torch::Tensor drop_path(const torch::Tensor& branch, double rate, const RowDraws& rows, const std::string& layer);

}  // namespace defound
