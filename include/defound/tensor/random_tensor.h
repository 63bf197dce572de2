#pragma once
#include <torch/torch.h>

#include <span>

#include "defound/core/random.h"

namespace defound {

/// Row n of the result ([ids.size(), shape...], fp32, CPU) holds draws that depend on (draws, ids[n]) only.
torch::Tensor random_normal(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape);
/// The same, uniform in [0, 1).
torch::Tensor random_uniform(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape);
/// The same, int64 in [0, n).
torch::Tensor random_integers(const Draws& draws, std::span<const uint64_t> ids, int64_t n, torch::IntArrayRef shape);

}  // namespace defound
