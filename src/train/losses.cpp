#include "defound/train/losses.h"

#include <fmt/ranges.h>

#include "defound/core/error.h"

namespace defound {

LossMeans::LossMeans(torch::Device device) : steps_(torch::zeros({}, torch::device(device))) {}

void LossMeans::add(const Losses& losses, double share) {
  torch::NoGradGuard no_grad;
  std::vector<std::string> names;
  std::vector<torch::Tensor> values;
  for (const auto& [name, value] : losses) {
    names.push_back(name);
    values.push_back(value.detach().reshape({}).to(torch::kFloat64));
  }
  if (names_.empty()) names_ = names;
  if (names != names_) fail("the losses are {} now, {} before", fmt::join(names, ", "), fmt::join(names_, ", "));
  const torch::Tensor part = torch::stack(values) * share;
  step_ = step_.defined() ? step_ + part : part;
}

torch::Tensor LossMeans::sum(Group& group, Vote vote) {
  torch::NoGradGuard no_grad;
  const torch::Tensor votes = torch::tensor({vote.stop ? 1.0 : 0.0, vote.save ? 1.0 : 0.0}, torch::kFloat64);
  const torch::Tensor all = torch::cat({step_, votes.to(step_.device(), /*non_blocking=*/true)});  // [losses + 2]
  group.sum(all);
  step_ = all.slice(0, 0, -2);
  return all.slice(0, -2);
}

void LossMeans::end_step(const torch::Tensor& skip) {
  torch::NoGradGuard no_grad;
  const torch::Tensor counted = torch::where(skip > 0, torch::zeros_like(step_), step_);
  sums_ = sums_.defined() ? sums_ + counted : counted;
  steps_ = steps_ + (1 - skip);
  step_.reset();
}

NamedValues LossMeans::take() {
  NamedValues means;
  if (!sums_.defined()) return means;
  const torch::Tensor values = (sums_.to(torch::kCPU, torch::kFloat64) / steps_.to(torch::kCPU, torch::kFloat64)).contiguous();
  for (size_t i = 0; i < names_.size(); ++i) means.emplace_back(names_[i], values.data_ptr<double>()[i]);
  sums_.reset();
  steps_ = torch::zeros_like(steps_);
  return means;
}

void LossMeans::save(TensorMap& state) const {
  if (!sums_.defined()) return;
  for (size_t i = 0; i < names_.size(); ++i) state[fmt::format("losses/{:02}/{}", i, names_[i])] = sums_[static_cast<int64_t>(i)];
  state["losses/steps"] = steps_;
}

void LossMeans::load(const TensorMap& state) {
  const std::string prefix = "losses/00/";
  std::vector<torch::Tensor> sums;
  names_.clear();
  for (auto at = state.lower_bound("losses/00/"); at != state.end() && at->first.starts_with("losses/"); ++at) {
    if (at->first == "losses/steps") steps_ = at->second.to(steps_.device());
    else names_.push_back(at->first.substr(prefix.size())), sums.push_back(at->second);
  }
  if (!sums.empty()) sums_ = torch::stack(sums).to(steps_.device(), torch::kFloat64);
}

}  // namespace defound
