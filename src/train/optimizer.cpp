#include "defound/train/optimizer.h"

#include <algorithm>
#include <numeric>

#include "defound/train/master_weights.h"

namespace defound {

namespace {

/// The largest first, each to the process that has least so far: the same on all.
std::vector<int64_t> spread(const std::vector<torch::Tensor>& masters, int64_t processes) {
  std::vector<size_t> order(masters.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return masters[a].numel() > masters[b].numel(); });
  std::vector<int64_t> owners(masters.size()), values(static_cast<size_t>(processes));
  for (const size_t index : order) {
    const auto least = std::min_element(values.begin(), values.end());
    *least += masters[index].numel();
    owners[index] = least - values.begin();
  }
  return owners;
}

constexpr const char *kFirst = "exp_avg/", *kSecond = "exp_avg_sq/";

}  // namespace

AdamW::AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options, Group& group, bool sharded)
    : AdamW(groups, masters, options) {
  group_ = &group;
  if (!sharded || group.size() == 1) return;
  owners_ = spread(masters, group.size());
  for (size_t i = 0; i < masters_.size(); ++i) if (!is_own(i)) exp_avg_[i] = exp_avg_sq_[i] = torch::Tensor();
}

AdamW::AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options)
    : options_(options), masters_(masters) {
  for (const ParamGroup& group : groups) {
    groups_.push_back({names_.size(), names_.size() + group.names.size(), group.weight_decay, group.lr_scale});
    names_.insert(names_.end(), group.names.begin(), group.names.end());
  }
  for (const auto& master : masters_) {
    exp_avg_.push_back(torch::zeros_like(master));
    exp_avg_sq_.push_back(torch::zeros_like(master));
  }
  steps_ = torch::zeros({}, masters_.empty() ? torch::TensorOptions() : torch::device(masters_[0].device()));
}

void AdamW::step(const std::vector<torch::Tensor>& gradients, double rate, const torch::Tensor& skip) {
  torch::NoGradGuard no_grad;
  steps_.add_(1 - skip);
  for (const Range& group : groups_) {
    std::vector<torch::Tensor> params, grads, first, second;
    for (size_t i = group.begin; i < group.end; ++i) {
      if (!gradients[i].defined() || !is_own(i)) continue;
      params.push_back(masters_[i]);
      grads.push_back(gradients[i]);
      first.push_back(exp_avg_[i]);
      second.push_back(exp_avg_sq_[i]);
    }
    if (params.empty()) continue;
    const std::vector<torch::Tensor> steps(params.size(), steps_);
    at::_fused_adamw_(params, grads, first, second, {}, steps, rate * group.lr_scale, options_.beta1, options_.beta2, group.weight_decay,
                      options_.epsilon, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/skip);
  }
  if (!owners_.empty()) share_masters();
}

/// What each process has changed, in one piece from each.
void AdamW::share_masters() {
  for (int64_t root = 0; root < group_->size(); ++root) {
    std::vector<torch::Tensor> parts;
    for (size_t i = 0; i < masters_.size(); ++i) if (owners_[i] == root) parts.push_back(masters_[i]);
    if (parts.empty()) continue;
    std::vector<torch::Tensor> pieces;
    int64_t values = 0;
    for (const auto& part : parts) values += part.numel();
    const torch::Tensor flat = torch::empty({values}, parts[0].options());
    int64_t at = 0;
    for (const auto& part : parts) {
      pieces.push_back(flat.as_strided(part.sizes(), part.strides(), at));
      at += part.numel();
    }
    if (root == group_->rank()) at::_foreach_copy_(pieces, parts);
    group_->broadcast({flat}, root);
    if (root != group_->rank()) at::_foreach_copy_(parts, pieces);
  }
}

void AdamW::save(TensorMap& state) const {
  state["optimizer/steps"] = steps_;
  for (const auto& [prefix, moments] : {std::pair{kFirst, &exp_avg_}, {kSecond, &exp_avg_sq_}}) {
    if (owners_.empty()) {
      save_tensors(state, prefix, names_, *moments);
      continue;
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      const torch::Tensor moment = is_own(i) ? (*moments)[i] : torch::empty_like(masters_[i]);
      group_->broadcast({moment}, owners_[i]);
      if (group_->is_leader()) state[prefix + names_[i]] = moment.to(torch::kCPU);
    }
  }
}

void AdamW::load(const TensorMap& state) {
  load_tensors(state, "optimizer/", {"steps"}, {steps_});
  if (!owners_.empty()) {
    loaded_ = state;
    return;
  }
  load_tensors(state, kFirst, names_, exp_avg_);
  load_tensors(state, kSecond, names_, exp_avg_sq_);
}

void AdamW::broadcast() {
  group_->broadcast({steps_});
  for (const auto& [prefix, moments] : {std::pair{kFirst, &exp_avg_}, {kSecond, &exp_avg_sq_}}) {
    if (owners_.empty()) {
      group_->broadcast(*moments);
      continue;
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      const torch::Tensor moment = torch::zeros_like(masters_[i]);
      if (!loaded_.empty()) load_tensors(loaded_, prefix, {names_[i]}, {moment});
      group_->broadcast({moment});
      if (is_own(i)) (*moments)[i].copy_(moment);
    }
  }
  loaded_.clear();
}

int64_t AdamW::moment_bytes() const {
  int64_t bytes = 0;
  for (const auto* moments : {&exp_avg_, &exp_avg_sq_})
    for (const auto& moment : *moments) if (moment.defined()) bytes += static_cast<int64_t>(moment.nbytes());
  return bytes;
}

}  // namespace defound
