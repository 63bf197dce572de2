#pragma once
#include <torch/torch.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "defound/data/dataset.h"
#include "defound/tensor/safetensors.h"
#include "defound/train/param_groups.h"

namespace defound {

/// Named device scalars; the first is minimised, the others are only logged. A mean over the batch's rows.
using Losses = std::vector<std::pair<std::string, torch::Tensor>>;
/// Named numbers of a validation; `higher is better` is said by the objective.
using Metrics = std::vector<std::pair<std::string, double>>;

/// What a loss is computed in: fp32, or fp64 where the model is.
inline torch::Tensor at_least_fp32(const torch::Tensor& x) { return x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32); }

/// Pictures as PNG bytes, by name.
using Pictures = std::vector<std::pair<std::string, std::string>>;

/// All that the training loop knows of a task. The model's parameters stand in the training precision (fp32, bf16,
/// fp16); the loop keeps fp32 master weights beside them, so `loss` casts its inputs to the model's type and returns fp32.
struct Objective {
  torch::nn::Module& model;
  std::vector<ParamGroup> groups;                                  ///< what is trained; by parameter name
  std::function<Losses(const Batch&, const Draws&)> loss;          ///< rows may use draws under batch.ids only
  std::function<Metrics()> validate = {};                          ///< in eval mode, EMA weights in the model; logged as val_<name>
  std::string best_metric = {};                                    ///< of validate(); the best epoch's product is kept
  bool higher_is_better = true;
  /// Writes the product from these weights (EMA when there is one; fp32; parameters and buffers by name), as the
  /// newest and, when `best`, as the best.
  std::function<void(const TensorMap& weights, bool best)> save_product = {};
  bool product_has_frozen = true;                                  ///< save_product gets the untrained parameters too
  /// Pictures for TensorBoard and samples/ after every `sample_every` steps (0: never), in eval mode, product weights in
  /// the model.
  std::function<Pictures()> sample = {};
  int64_t sample_every = 0;
};

}  // namespace defound
