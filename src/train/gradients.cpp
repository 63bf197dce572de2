#include "defound/train/gradients.h"

namespace defound {

void Gradients::add() {
  if (!weights_.is_cast()) return;  // autograd goes on adding to the parameter's own fp32 gradient
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) {
    torch::Tensor& grad = weights_.params()[i].mutable_grad();
    if (!grad.defined()) continue;
    if (sums_[i].defined()) sums_[i].add_(grad);
    else sums_[i] = grad.to(torch::kFloat32);
    grad.reset();
  }
}

const std::vector<torch::Tensor>& Gradients::sums() {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (!weights_.is_cast()) sums_[i] = weights_.params()[i].grad();
    const torch::Tensor& master = weights_.masters()[i];
    if (sums_[i].defined() && sums_[i].strides() != master.strides())  // the fused step walks both in memory order
      sums_[i] = torch::empty_like(master).copy_(sums_[i]);
  }
  return sums_;
}

std::vector<torch::Tensor> Gradients::present() {
  std::vector<torch::Tensor> found;
  for (const auto& sum : sums()) if (sum.defined()) found.push_back(sum);
  return found;
}

torch::Tensor Gradients::norm() {
  torch::NoGradGuard no_grad;
  const auto grads = present();
  if (grads.empty()) return torch::zeros({}, torch::device(weights_.device()));
  return torch::stack(at::_foreach_norm(grads)).norm();
}

void Gradients::scale(const torch::Tensor& factor) {
  torch::NoGradGuard no_grad;
  const auto grads = present();
  if (!grads.empty()) at::_foreach_mul_(grads, factor);
}

void Gradients::clear() {
  for (const auto& param : weights_.params()) param.mutable_grad().reset();
  for (auto& sum : sums_) sum.reset();
}

torch::Tensor clip_factor(const torch::Tensor& norm, double max_norm) { return (max_norm / (norm + 1e-6)).clamp_max(1.0); }

}  // namespace defound
