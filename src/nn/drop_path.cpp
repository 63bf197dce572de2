#include "defound/nn/drop_path.h"

#include "defound/core/error.h"
#include "defound/tensor/random_tensor.h"

namespace defound {

torch::Tensor drop_path(const torch::Tensor& branch, double rate, const RowDraws& rows, const std::string& layer) {
  if (rate <= 0) return branch;
  if (static_cast<int64_t>(rows.ids.size()) != branch.size(0)) fail("drop_path: {} ids for a batch of {}", rows.ids.size(), branch.size(0));
  const torch::Tensor kept = random_uniform(rows.draws.purpose("drop_path." + layer), rows.ids, {}) >= rate;   // [N]
  std::vector<int64_t> shape(static_cast<size_t>(branch.dim()), 1);
  shape[0] = branch.size(0);
  const torch::Tensor factors = kept.to(torch::kFloat32).div(1.0 - rate).view(shape);
  return branch * factors.to(branch.device(), branch.scalar_type());
}

}  // namespace defound
