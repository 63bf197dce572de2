#include "defound/nn/pos_embed.h"

#include <cmath>

#include "defound/core/error.h"

namespace defound {
namespace {

/// Sines, then cosines, of positions [L] at `width` / 2 frequencies: [L, width].
torch::Tensor sincos_1d(const torch::Tensor& positions, int64_t width) {
  const torch::Tensor frequencies = torch::pow(10000.0, -torch::arange(width / 2, torch::kFloat64) / (0.5 * static_cast<double>(width)));
  const torch::Tensor angles = torch::outer(positions, frequencies);  // [L, width/2]
  return torch::cat({angles.sin(), angles.cos()}, 1);
}

}  // namespace

torch::Tensor sincos_pos_embed(int64_t embed_dim, int64_t grid_size) {
  if (embed_dim % 4 != 0) reject("embed_dim is {}; a sine-cosine position table needs a multiple of 4", embed_dim);
  const torch::Tensor axis = torch::arange(grid_size, torch::kFloat64);
  const torch::Tensor columns = axis.repeat({grid_size}), rows = axis.repeat_interleave(grid_size);                     // [L]
  const torch::Tensor patches = torch::cat({sincos_1d(columns, embed_dim / 2), sincos_1d(rows, embed_dim / 2)}, 1);     // [L, D]
  return torch::cat({torch::zeros({1, embed_dim}, torch::kFloat64), patches}).unsqueeze(0);                             // [1, 1+L, D]
}

torch::Tensor interpolate_pos_embed(const torch::Tensor& table, int64_t grid_size, TableInterpolation interpolation) {
  const int64_t patches = table.size(1) - 1, width = table.size(2);
  const auto old_size = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
  if (old_size * old_size != patches) reject("a position table of {} patches is not of a square image", patches);
  if (old_size == grid_size) return table;
  const torch::Tensor grid = table.slice(1, 1).reshape({1, old_size, old_size, width}).permute({0, 3, 1, 2});           // [1, D, g, g]
  const torch::Tensor wide = grid.to(table.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
  const torch::Tensor resized = interpolation == TableInterpolation::kTimm ? at::_upsample_bicubic2d_aa(wide, {grid_size, grid_size}, /*align_corners=*/false)
                                                                           : torch::upsample_bicubic2d(wide, {grid_size, grid_size}, /*align_corners=*/false);
  return torch::cat({table.slice(1, 0, 1), resized.to(table.scalar_type()).permute({0, 2, 3, 1}).flatten(1, 2)}, 1);    // [1, 1+L, D]
}

}  // namespace defound
