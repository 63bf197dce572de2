#include "defound/train/gradients.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <chrono>
#include <functional>

namespace defound {
namespace {

constexpr const char* kOrder = "reduce/order";

/// Called by autograd when a parameter's gradient of a backward pass is whole.
class WhenWhole : public torch::autograd::PostAccumulateGradHook {
 public:
  explicit WhenWhole(std::function<void()> work) : work_(std::move(work)) {}
  void operator()(const torch::autograd::Variable&) override { work_(); }

 private:
  std::function<void()> work_;
};

}  // namespace

Gradients::Gradients(const MasterWeights& weights, Group& group) : weights_(weights), sums_(weights.params().size()) {
  if (group.size() == 1) return;
  over_processes_ = std::make_unique<BucketedSum>(group, weights.params(), weights.type());
  for (size_t i = 0; i < sums_.size(); ++i)
    torch::autograd::impl::set_post_acc_grad_hooks(weights.params()[i], std::make_unique<WhenWhole>([this, i] { leave(i); }));
}

Gradients::~Gradients() {
  if (!over_processes_) return;
  for (const auto& param : weights_.params()) torch::autograd::impl::set_post_acc_grad_hooks(param, nullptr);
}

void Gradients::begin_last() { is_last_ = true; }

void Gradients::add(size_t index) {
  torch::Tensor& grad = weights_.params()[index].mutable_grad();
  if (!grad.defined()) return;
  if (sums_[index].defined()) sums_[index].add_(grad);
  else sums_[index] = weights_.is_cast() ? grad.to(torch::kFloat32) : grad;
  grad.reset();
}

void Gradients::add() {
  if (!weights_.is_cast()) return;  // autograd goes on adding to the parameter's own gradient
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) add(i);
}

void Gradients::leave(size_t index) {
  if (!is_last_) return;
  torch::NoGradGuard no_grad;
  add(index);
  over_processes_->add(index, sums_[index]);
  sums_[index].reset();
}

double Gradients::finish() {
  is_last_ = false;
  if (!over_processes_) return 0;
  const auto start = std::chrono::steady_clock::now();
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) {  // reached by an earlier micro-batch only
    if (!sums_[i].defined() && !weights_.params()[i].grad().defined()) continue;
    add(i);
    over_processes_->add(i, sums_[i]);
  }
  sums_ = over_processes_->finish();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const std::vector<torch::Tensor>& Gradients::sums() {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (!weights_.is_cast() && !over_processes_) sums_[i] = weights_.params()[i].grad();
    const torch::Tensor& param = weights_.params()[i];
    if (sums_[i].defined() && sums_[i].strides() != param.strides())  // the fused step walks both in memory order
      sums_[i] = torch::empty_like(param, sums_[i].options()).copy_(sums_[i]);
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

void Gradients::save(TensorMap& state) const {
  if (over_processes_ && !over_processes_->order().empty()) state[kOrder] = torch::tensor(over_processes_->order());
}

void Gradients::load(const TensorMap& state) {
  const auto found = state.find(kOrder);
  if (!over_processes_ || found == state.end()) return;
  const torch::Tensor order = found->second.to(torch::kInt64).contiguous();
  over_processes_->set_order({order.const_data_ptr<int64_t>(), order.const_data_ptr<int64_t>() + order.numel()});
}

void Gradients::broadcast(Group& group) {
  const bool known = group.share(over_processes_->order().empty() ? "no" : "yes") == "yes";
  if (!known) return;
  const torch::Tensor order = group.is_leader() ? torch::tensor(over_processes_->order()) : torch::zeros({static_cast<int64_t>(sums_.size())}, torch::kInt64);
  group.broadcast({order});
  if (!group.is_leader()) load({{kOrder, order}});
}

torch::Tensor clip_factor(const torch::Tensor& norm, double max_norm) { return (max_norm / (norm + 1e-6)).clamp_max(1.0); }

}  // namespace defound
