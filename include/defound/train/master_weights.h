#pragma once
#include <torch/torch.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "defound/tensor/safetensors.h"
#include "defound/train/ownership.h"

namespace defound {

/// The trained parameters of a model and their fp32 masters, in the order of the groups. In fp32 the master is the
/// parameter itself; for bf16 and fp16 all parameters of the model are cast once, and the fp32 values kept beside them
/// (Micikevicius et al., "Mixed precision training", ICLR 2018, section 3.1). In fp64, for checks, model and masters are
/// fp64. Buffers stay as they are.
class MasterWeights {
 public:
  /// Moves the model to the device and casts it. Fails when a trainable parameter is in no group or in two. Without
  /// `with_frozen` product() holds what is trained only, and no originals of the rest are kept.
  MasterWeights(torch::nn::Module& model, std::span<const ParamGroup> groups, torch::Device device, torch::Dtype precision, bool with_frozen = true);

  const std::vector<std::string>& names() const { return names_; }
  const std::vector<torch::Tensor>& params() const { return params_; }    ///< in the model, training precision
  const std::vector<torch::Tensor>& masters() const { return masters_; }
  torch::Device device() const { return device_; }
  torch::Dtype type() const { return is_cast() ? torch::kFloat32 : precision_; }   ///< of the masters
  bool is_cast() const { return precision_ == torch::kBFloat16 || precision_ == torch::kFloat16; }

  /// From now on keeps the masters of what is own only; the model's own values, where those are the masters, stay whole. All
  /// processes then call what shows or collects weights together.
  void keep_own(const Ownership& ownership);
  /// After the masters have changed: own ones into the model, others from their owners.
  void copy_to_model();
  /// The model computes with `values` (in the order of names()) until show_masters().
  void show(const std::vector<torch::Tensor>& values);
  void show_masters();

  /// All parameters and buffers by name, on the CPU, floating ones in fp32; `values` in place of the trained ones. Where it
  /// is not `wanted`, nothing but what the others need is done.
  TensorMap product(const std::vector<torch::Tensor>& values, bool wanted = true) const;

  /// "model/<name>" for own masters, "buffer/<name>" for buffers.
  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  bool is_sharded() const { return ownership_ && ownership_->is_sharded(); }
  void copy(const std::vector<torch::Tensor>& values);
  torch::nn::Module& model_;
  const Ownership* ownership_ = nullptr;
  torch::Device device_;
  torch::Dtype precision_;
  bool with_frozen_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> params_, masters_;
  std::map<std::string, torch::Tensor> frozen_;  ///< fp32 originals of untrained parameters, where those were cast
};

/// Are all values of all tensors finite? Undefined ones belong to other processes. Reads the device once.
bool all_finite(const std::vector<torch::Tensor>& tensors);

/// Equal for tensors of equal bits, in the same order, and hardly ever else; computed on the device.
std::string fingerprint(const std::vector<torch::Tensor>& tensors);

/// Copies `state[prefix + names[i]]` into tensors[i]; fails naming what is missing or has another shape.
void load_tensors(const TensorMap& state, const std::string& prefix, const std::vector<std::string>& names, const std::vector<torch::Tensor>& tensors);
/// Leaves out what is undefined.
void save_tensors(TensorMap& state, const std::string& prefix, const std::vector<std::string>& names, const std::vector<torch::Tensor>& tensors);

}  // namespace defound
