#pragma once
#include <torch/torch.h>

namespace defound {

/// [N, C, H, W] -> [N, L, P*P*C]: patches row by row; within a patch row, column, channel
/// (facebookresearch/mae, models_mae.py patchify). H and W must be multiples of P.
torch::Tensor patchify(const torch::Tensor& images, int64_t patch_size);

/// The reverse, for images of `height` pixels: [N, L, P*P*C] -> [N, C, H, W].
torch::Tensor unpatchify(const torch::Tensor& patches, int64_t patch_size, int64_t height);

}  // namespace defound
