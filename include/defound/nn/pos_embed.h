#pragma once
#include <torch/torch.h>

namespace defound {

/// Fixed 2-D sine-cosine table [1, grid*grid + 1, embed_dim] in fp64, first row (the class token) zero: the first half
/// of the width encodes the column, the second the row (facebookresearch/mae, util/pos_embed.py, where "w goes first").
/// embed_dim must be a multiple of 4.
torch::Tensor sincos_pos_embed(int64_t embed_dim, int64_t grid_size);

/// Bicubic, as facebookresearch/mae (util/pos_embed.py interpolate_pos_embed), or with antialiasing as timm
/// (layers/pos_embed.py resample_abs_pos_embed); they differ where the grid becomes smaller, and a little elsewhere.
enum class TableInterpolation { kMae, kTimm };

/// A table [1, 1 + L, D] for another square grid: class token kept, patches interpolated. L must be a square.
torch::Tensor interpolate_pos_embed(const torch::Tensor& table, int64_t grid_size, TableInterpolation interpolation = TableInterpolation::kMae);

}  // namespace defound
