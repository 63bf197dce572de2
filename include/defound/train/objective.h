#pragma once
#include <torch/torch.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "defound/data/dataset.h"
#include "defound/train/param_groups.h"

namespace defound {

/// Named device scalars; the first is minimised, the others are only logged. A mean over the batch's rows.
using Losses = std::vector<std::pair<std::string, torch::Tensor>>;
/// Named numbers of a validation; `higher is better` is said by the objective.
using Metrics = std::vector<std::pair<std::string, double>>;

/// All that the training loop knows of a task.
struct Objective {
  torch::nn::Module& model;
  std::vector<ParamGroup> groups;                                  ///< what is trained; by parameter name
  std::function<Losses(const Batch&, const Draws&)> loss;          ///< rows may use draws under batch.ids only
  std::function<Metrics()> validate = {};                          ///< the loop swaps EMA weights in; may be empty
  std::string best_metric = {};                                    ///< of validate(); the best epoch's product is kept
  bool higher_is_better = true;
  std::function<void(bool best)> save_product = {};                ///< called with the product's weights in the model
};

}  // namespace defound
