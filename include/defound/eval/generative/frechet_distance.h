#pragma once
#include <torch/torch.h>

#include "defound/eval/predictions.h"

namespace defound {

/// Frechet distance of the normal distributions fitted to two sets of features [N, D] and [M, D] (FID when they are
/// Inception's; Heusel et al., NeurIPS 2017): |mean difference|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances over n - 1,
/// all in float64. A row counts as often as its entry of `counts` says. NaN with fewer than two rows on a side.
double frechet_distance(const torch::Tensor& first, const torch::Tensor& second, Counts first_counts = {},
                        Counts second_counts = {});

}  // namespace defound
