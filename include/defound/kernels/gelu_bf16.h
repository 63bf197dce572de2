#pragma once
#include <torch/torch.h>

namespace defound {

/// x Phi(x) with gradients; torch::gelu, by a faster kernel for bf16 on a CPU with AVX512-BF16.
torch::Tensor gelu(const torch::Tensor& x);

}  // namespace defound
