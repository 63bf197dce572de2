#include "defound/train/optimizer.h"

#include "defound/train/master_weights.h"

namespace defound {
namespace {

constexpr const char *kFirst = "exp_avg/", *kSecond = "exp_avg_sq/";

}  // namespace

AdamW::AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options)
    : AdamW(groups, masters, options, nullptr) {}

AdamW::AdamW(std::span<const ParamGroup> groups, const std::vector<torch::Tensor>& masters, AdamWOptions options, const Ownership* ownership)
    : options_(options), ownership_(ownership), masters_(masters), exp_avg_(masters.size()), exp_avg_sq_(masters.size()) {
  for (const ParamGroup& group : groups) {
    groups_.push_back({names_.size(), names_.size() + group.names.size(), group.weight_decay, group.lr_scale});
    names_.insert(names_.end(), group.names.begin(), group.names.end());
  }
  steps_ = torch::zeros({}, masters.empty() ? torch::TensorOptions() : torch::device(masters[0].device()));
  if (is_sharded()) ownership_->keep_own(masters_);
  for (size_t i = 0; i < masters_.size(); ++i)
    for (auto* moments : {&exp_avg_, &exp_avg_sq_}) if (is_own(i)) (*moments)[i] = torch::zeros_like(masters_[i]);
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
}

void AdamW::save(TensorMap& state) const {
  state["optimizer/steps"] = steps_;
  save_tensors(state, kFirst, names_, exp_avg_);
  save_tensors(state, kSecond, names_, exp_avg_sq_);
}

void AdamW::load(const TensorMap& state) {
  load_tensors(state, "optimizer/", {"steps"}, {steps_});
  if (is_sharded()) {
    loaded_ = state;
    return;
  }
  load_tensors(state, kFirst, names_, exp_avg_);
  load_tensors(state, kSecond, names_, exp_avg_sq_);
}

void AdamW::broadcast(Group& group) {
  group.broadcast({steps_});
  for (const auto& [prefix, moments] : {std::pair{kFirst, &exp_avg_}, {kSecond, &exp_avg_sq_}}) {
    if (!is_sharded()) {
      group.broadcast(*moments);
      continue;
    }
    const bool loaded = group.share(loaded_.empty() ? "no" : "yes") == "yes";
    for (size_t i = 0; loaded && i < names_.size(); ++i) {
      const torch::Tensor moment = ownership_->like(i);
      if (group.is_leader()) load_tensors(loaded_, prefix, {names_[i]}, {moment});
      group.broadcast({moment});
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
