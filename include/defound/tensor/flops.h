#pragma once
#include <torch/torch.h>

#include <functional>

namespace defound {

/// Floating-point operations (1 multiply-add = 2) of the matrix products and convolutions that `work` calls on this
/// thread. With tensors on the meta device nothing is computed, so a large model is counted in milliseconds.
double count_flops(const std::function<void()>& work);

/// Number of elements in all parameters; with `buffers`, those too (position tables).
int64_t count_parameters(const torch::nn::Module& model, bool trainable_only = false, bool buffers = false);

}  // namespace defound
