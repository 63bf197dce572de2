#include "defound/train/param_groups.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "defound/core/error.h"

namespace defound {
namespace {

/// Adds a parameter to the group of that name, which is made with these settings when it is the first.
void add(std::vector<ParamGroup>& groups, const std::string& group, double weight_decay, double lr_scale, const std::string& name, const torch::Tensor& parameter) {
  for (ParamGroup& existing : groups) {
    if (existing.name != group) continue;
    existing.names.push_back(name);
    existing.params.push_back(parameter);
    return;
  }
  groups.push_back({group, {name}, {parameter}, weight_decay, lr_scale});
}

/// 0 for embeddings, i + 1 for blocks.i, depth + 1 for everything behind the blocks.
int64_t layer_id(const std::string& name, int64_t depth) {
  if (name == "cls_token" || name == "pos_embed" || name.starts_with("patch_embed.")) return 0;
  const std::string blocks = "blocks.";
  if (!name.starts_with(blocks)) return depth + 1;
  int64_t index = -1;
  std::from_chars(name.data() + blocks.size(), name.data() + name.size(), index);
  if (index < 0 || index >= depth) fail("parameter '{}' stands in no block of a model {} blocks deep", name, depth);
  return index + 1;
}

}  // namespace

std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay) {
  std::vector<ParamGroup> groups;
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool decays = item.value().dim() > 1 && !item.key().ends_with(".bias");
    add(groups, decays ? "decay" : "no_decay", decays ? weight_decay : 0.0, 1.0, item.key(), item.value());
  }
  return groups;
}

std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, int64_t depth, double weight_decay, double layer_decay) {
  std::vector<ParamGroup> groups;
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    if (!item.value().requires_grad()) continue;
    const bool decays = item.value().dim() > 1 && name != "pos_embed" && name != "cls_token";   // timm's no_weight_decay()
    const int64_t id = layer_id(name, depth);
    const double lr_scale = std::pow(layer_decay, static_cast<double>(depth + 1 - id));
    add(groups, fmt::format("layer_{}_{}", id, decays ? "decay" : "no_decay"), decays ? weight_decay : 0.0, lr_scale, name, item.value());
  }
  return groups;
}

}  // namespace defound
