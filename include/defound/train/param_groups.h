#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

namespace defound {

/// Parameters that share an optimizer setting. The rate of a step is the schedule's rate x lr_scale.
struct ParamGroup {
  std::string name;
  std::vector<std::string> names;            ///< parameter names, in the module's order
  std::vector<torch::Tensor> params;         ///< the same order
  double weight_decay = 0.0;
  double lr_scale = 1.0;
};

/// Two groups: parameters of one dimension and biases without decay, all others with it (timm's
/// optim_factory.add_weight_decay, as used by MAE's main_pretrain.py). Frozen parameters are left out.
std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay);

/// A group for each (layer, decayed or not), lr_scale = layer_decay^(num_layers - layer_id), as MAE's
/// util/lr_decay.py param_groups_lrd does for a ViT with `depth` blocks; goes by parameter name.
std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, int64_t depth, double weight_decay, double layer_decay);

}  // namespace defound
