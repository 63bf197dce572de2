#include "defound/train/ownership.h"

#include <algorithm>
#include <numeric>

namespace defound {

Ownership::Ownership(std::span<const ParamGroup> groups, Group& group, bool sharded, torch::Dtype type) : group_(group), type_(type) {
  for (const ParamGroup& part : groups) params_.insert(params_.end(), part.params.begin(), part.params.end());
  if (!sharded || group.size() == 1) return;
  std::vector<int64_t> values(static_cast<size_t>(group.size()));
  std::vector<size_t> order(params_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return params_[a].numel() > params_[b].numel(); });
  owners_.resize(params_.size());
  for (const size_t index : order) {
    const auto least = std::min_element(values.begin(), values.end());
    *least += params_[index].numel();
    owners_[index] = least - values.begin();
  }
}

void Ownership::share(const std::vector<torch::Tensor>& tensors) const {
  if (!is_sharded()) return;
  torch::NoGradGuard no_grad;
  for (int64_t root = 0; root < group_.size(); ++root) {
    std::vector<torch::Tensor> parts, pieces;
    for (size_t i = 0; i < tensors.size(); ++i) if (owners_[i] == root) parts.push_back(tensors[i]);
    if (parts.empty()) continue;
    const int64_t values = std::accumulate(parts.begin(), parts.end(), int64_t{0}, [](int64_t sum, const auto& part) { return sum + part.numel(); });
    const torch::Tensor flat = torch::empty({values}, parts[0].options());
    int64_t at = 0;
    for (const auto& part : parts) {
      pieces.push_back(flat.as_strided(part.sizes(), part.strides(), at));
      at += part.numel();
    }
    if (root == group_.rank()) at::_foreach_copy_(pieces, parts);
    group_.broadcast({flat}, root);
    if (root != group_.rank()) at::_foreach_copy_(parts, pieces);
  }
}

torch::Tensor Ownership::like(size_t index) const {
  return torch::empty_like(params_[index], params_[index].options().dtype(type_).requires_grad(false));
}

torch::Tensor Ownership::from_owner(size_t index, const torch::Tensor& value) const {
  if (!is_sharded()) return value;
  const torch::Tensor whole = is_own(index) ? value : like(index);
  group_.broadcast({whole}, owners_[index]);
  return whole;
}

void Ownership::keep_own(std::vector<torch::Tensor>& tensors) const {
  for (size_t i = 0; i < tensors.size(); ++i) if (!is_own(i)) tensors[i] = torch::Tensor();
}

}  // namespace defound
