#include "defound/train/optimizer.h"

#include "defound/train/master_weights.h"

namespace defound {

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
  for (const Group& group : groups_) {
    std::vector<torch::Tensor> params, grads, first, second;
    for (size_t i = group.begin; i < group.end; ++i) {
      if (!gradients[i].defined()) continue;
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
  save_tensors(state, "exp_avg/", names_, exp_avg_);
  save_tensors(state, "exp_avg_sq/", names_, exp_avg_sq_);
  state["optimizer/steps"] = steps_;
}

void AdamW::load(const TensorMap& state) {
  load_tensors(state, "exp_avg/", names_, exp_avg_);
  load_tensors(state, "exp_avg_sq/", names_, exp_avg_sq_);
  load_tensors(state, "optimizer/", {"steps"}, {steps_});
}

}  // namespace defound
