#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/core/random.h"

namespace defound {

/// Labels of one image, which a manifest joins with "|".
std::vector<std::string> co_occurring_labels(const std::string& label);

/// Composition: the labels in drawn order as one text, "a, b". Each is left out with probability `drop`; "" when all are.
std::string compose_labels(std::vector<std::string> labels, double drop, RandomStream& stream);

/// Weights [N] fp32 of each row's own condition, by (draws, ids[n]) only: w or 1 - w for w from Beta(alpha, alpha) (the
/// weight of Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018), whichever is larger, since the image
/// stays what it is.
torch::Tensor mixing_weights(const Draws& draws, std::span<const uint64_t> ids, double alpha);

/// weights [N] x own + (1 - weights) x other; both conditions [N, M, D].
torch::Tensor mix_conditions(const torch::Tensor& own, const torch::Tensor& other, const torch::Tensor& weights);

}  // namespace defound
