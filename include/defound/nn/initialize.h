#pragma once
#include <torch/torch.h>

#include "defound/core/random.h"

namespace defound {

/// Draws every parameter as PyTorch's layers do by default: linear and convolution weights and their biases uniform in
/// +-1/sqrt(fan_in) (torch/nn/modules/linear.py, conv.py: kaiming_uniform with a = sqrt 5), norms 1 and 0.
/// What a parameter becomes depends on (draws, its name, its shape) only.
void initialize(torch::nn::Module& module, const Draws& draws);

/// Keeps the 4-dimensional parameters (convolutions) channels-last, as the CPU's and the GPU's fast kernels want them.
void to_channels_last(torch::nn::Module& module);

/// Number of parameter values.
int64_t parameter_count(const torch::nn::Module& module);

}  // namespace defound
