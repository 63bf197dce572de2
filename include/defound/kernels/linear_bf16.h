#pragma once
#include <torch/torch.h>

namespace defound {

/// Whether linear_bf16 takes these: enough rows of bf16 on a CPU with AVX512-BF16 and no AMX (whose products LibTorch's
/// library makes faster), even sizes.
bool multiplies_in_bf16(const torch::Tensor& x, const torch::Tensor& weight);

/// x weight^T + bias in bf16 with fp32 sums: x [..., in], weight [out, in], bias [out] or undefined -> [..., out], with
/// gradients. Any number of threads, and any number of rows beside it, gives a row the same bits.
torch::Tensor linear_bf16(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace defound
