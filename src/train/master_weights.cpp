#include "defound/train/master_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "defound/core/error.h"
#include "defound/core/files.h"

namespace defound {
namespace {

torch::Tensor plain_fp32(const torch::Tensor& tensor) {
  return tensor.is_floating_point() ? tensor.detach().to(torch::kCPU, torch::kFloat32) : tensor.detach().to(torch::kCPU);
}

std::string shape_text(const torch::Tensor& tensor) { return fmt::format("[{}]", fmt::join(tensor.sizes().vec(), ", ")); }

}  // namespace

MasterWeights::MasterWeights(torch::nn::Module& model, std::span<const ParamGroup> groups, torch::Device device, torch::Dtype precision, bool with_frozen)
    : model_(model), device_(device), precision_(precision), with_frozen_(with_frozen) {
  torch::NoGradGuard no_grad;
  model.to(device);
  if (precision == torch::kFloat64) for (auto& param : model.parameters()) param.set_data(param.data().to(precision));
  std::set<const void*> grouped;
  for (const ParamGroup& group : groups)
    for (size_t i = 0; i < group.params.size(); ++i) {
      if (!grouped.insert(group.params[i].unsafeGetTensorImpl()).second) fail("parameter {} is in two parameter groups", group.names[i]);
      names_.push_back(group.names[i]);
      params_.push_back(group.params[i]);
    }
  for (const auto& item : model.named_parameters()) {
    const bool trained = grouped.contains(item.value().unsafeGetTensorImpl());
    if (item.value().requires_grad() && !trained) fail("parameter {} is trainable but in no parameter group", item.key());
    if (!trained && is_cast() && with_frozen_) frozen_[item.key()] = item.value().detach().to(torch::kFloat32);
  }
  // data() is a second tensor on the same memory: it keeps the fp32 values when the parameter is given others.
  for (const auto& param : params_) masters_.push_back(is_cast() ? param.data().to(torch::kFloat32) : param.data());
  if (is_cast()) for (auto& param : model.parameters()) param.set_data(param.data().to(precision));
}

void MasterWeights::keep_own(const Ownership& ownership) {
  ownership_ = &ownership;
  if (is_cast()) ownership.keep_own(masters_);
}

/// Values that are here into the model's own, of another type.
void MasterWeights::copy(const std::vector<torch::Tensor>& values) {
  std::vector<torch::Tensor> to, from;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].defined()) continue;
    to.push_back(params_[i]);
    from.push_back(values[i]);
  }
  if (!to.empty()) at::_foreach_copy_(to, from);
}

void MasterWeights::copy_to_model() {
  torch::NoGradGuard no_grad;
  if (is_cast()) copy(masters_);
  if (is_sharded()) ownership_->share(params_);
}

void MasterWeights::show(const std::vector<torch::Tensor>& values) {
  torch::NoGradGuard no_grad;
  if (is_cast()) copy(values);
  else for (size_t i = 0; i < params_.size(); ++i) params_[i].set_data(values[i].defined() ? values[i] : torch::empty_like(masters_[i]));
  if (is_sharded()) ownership_->share(params_);
}

void MasterWeights::show_masters() {
  if (is_cast()) return show(masters_);
  for (size_t i = 0; i < params_.size(); ++i) params_[i].set_data(masters_[i]);  // whole on every process
}

TensorMap MasterWeights::product(const std::vector<torch::Tensor>& values, bool wanted) const {
  TensorMap weights;
  if (with_frozen_ && wanted) {
    for (const auto& item : model_.named_buffers()) weights[item.key()] = plain_fp32(item.value());
    for (const auto& item : model_.named_parameters()) weights[item.key()] = plain_fp32(item.value());
  }
  if (wanted) for (const auto& [name, value] : frozen_) weights[name] = plain_fp32(value);
  for (size_t i = 0; i < names_.size(); ++i) {
    const torch::Tensor value = is_sharded() ? ownership_->from_owner(i, values[i]) : values[i];
    if (wanted) weights[names_[i]] = plain_fp32(value);
  }
  return weights;
}

void MasterWeights::save(TensorMap& state) const {
  std::vector<torch::Tensor> own = masters_;
  if (is_sharded()) ownership_->keep_own(own);
  save_tensors(state, "model/", names_, own);
  for (const auto& item : model_.named_buffers()) state["buffer/" + item.key()] = item.value();
}

void MasterWeights::load(const TensorMap& state) {
  load_tensors(state, "model/", names_, masters_);
  for (const auto& item : model_.named_buffers()) load_tensors(state, "buffer/", {item.key()}, {item.value()});
  copy_to_model();
}

bool all_finite(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> here;
  std::copy_if(tensors.begin(), tensors.end(), std::back_inserter(here), [](const auto& tensor) { return tensor.defined(); });
  if (here.empty()) return true;
  torch::NoGradGuard no_grad;
  // The largest magnitude: unlike a sum of squares it cannot overflow.
  return torch::stack(at::_foreach_norm(here, std::numeric_limits<double>::infinity())).isfinite().all().item<bool>();
}

std::string fingerprint(const std::vector<torch::Tensor>& tensors) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> sums;  // of the bit patterns, as integers
  for (const torch::Tensor& tensor : tensors) {
    const auto bits = tensor.element_size() == 8 ? torch::kInt64 : tensor.element_size() == 4 ? torch::kInt32 : torch::kInt16;
    sums.push_back(tensor.view(bits).sum(torch::kInt64));
  }
  if (sums.empty()) return "";
  const torch::Tensor all = torch::stack(sums).to(torch::kCPU).contiguous();
  return sha256({static_cast<const char*>(all.const_data_ptr()), all.nbytes()});
}

void load_tensors(const TensorMap& state, const std::string& prefix, const std::vector<std::string>& names, const std::vector<torch::Tensor>& tensors) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = state.find(prefix + names[i]);
    if (found == state.end()) fail("the checkpoint lacks {}{}: it belongs to another model", prefix, names[i]);
    if (found->second.sizes() != tensors[i].sizes())
      fail("{}{} has shape {} in the checkpoint, {} in the model", prefix, names[i], shape_text(found->second), shape_text(tensors[i]));
    tensors[i].copy_(found->second);
  }
}

void save_tensors(TensorMap& state, const std::string& prefix, const std::vector<std::string>& names, const std::vector<torch::Tensor>& tensors) {
  for (size_t i = 0; i < names.size(); ++i) if (tensors[i].defined()) state[prefix + names[i]] = tensors[i];
}

}  // namespace defound
