#pragma once
#include <torch/torch.h>

#include "defound/core/random.h"

namespace defound {

/// In place, on the CPU or moved there; row i of the first dimension draws under id i.
void fill_normal(torch::Tensor tensor, double standard_deviation, const Draws& draws);
/// Uniform in [-bound, bound).
void fill_uniform(torch::Tensor tensor, double bound, const Draws& draws);
/// Xavier (Glorot and Bengio 2010) uniform for a weight [out, in...]: bound sqrt(6 / (in + out)).
void fill_xavier_uniform(torch::Tensor weight, const Draws& draws);

}  // namespace defound
