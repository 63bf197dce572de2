#include "defound/models/vit_conversion.h"

#include <cmath>
#include <numeric>

#include "defound/core/error.h"
#include "defound/models/key_maps.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

constexpr double kHeadDeviation = 2e-5;   // RETFound's main_finetune.py
constexpr double kTableTolerance = 5e-3;  // of a sine-cosine table that was stored in bf16

using Changes = std::vector<std::string>;

size_t erase_below(TensorMap& weights, const std::string& prefix) {
  return std::erase_if(weights, [&](const auto& item) { return item.first.starts_with(prefix); });
}

TensorMap own_names(const TensorMap& file, const WeightsIdentity& identity, VitNames target, const std::string& origin, Changes& changes) {
  if (!identity.prefix.empty()) changes.push_back(fmt::format("took '{}' off the names", identity.prefix));
  TensorMap weights = without_prefix(file, identity);
  if (weights.size() < file.size()) changes.push_back(fmt::format("left out {} tensors that do not lie under it", file.size() - weights.size()));
  switch (identity.kind) {
    case WeightsKind::kMae:
    case WeightsKind::kEncoder:
    case WeightsKind::kClassifier: return weights;
    case WeightsKind::kTransformersVit: return from_transformers_names(weights, origin);
    case WeightsKind::kDinoV2:
      if (target == VitNames::kTimm) return timm_from_dinov2_names(weights, origin);
      reject("{} is this: {}; it has layer scale (ls1, ls2), which the models of MAE and RETFound do not have. --to timm is possible", origin, identity.what);
    default: reject("{} is no vision transformer or masked autoencoder but this: {}; --to mae, timm and retfound are for those", origin, identity.what);
  }
}

void drop_decoder(TensorMap& weights, Changes& changes) {
  const size_t dropped = erase_below(weights, "decoder_") + erase_below(weights, "mask_token");
  if (dropped > 0) changes.push_back(fmt::format("left out the decoder and the mask token ({} tensors)", dropped));
}

void fit_head(TensorMap& weights, const VitConversion& options, const std::string& origin, Changes& changes) {
  const auto found = weights.find("head.weight");
  if (options.num_classes > 0 && found != weights.end() && found->second.size(0) == options.num_classes) return;
  if ((options.drop_head || options.num_classes > 0) && erase_below(weights, "head.") > 0) changes.push_back("left out the head");
  if (options.num_classes == 0) return;
  const auto like = weights.find("cls_token");
  if (like == weights.end()) reject("{} has no cls_token", origin);
  std::vector<uint64_t> rows(static_cast<size_t>(options.num_classes));
  std::iota(rows.begin(), rows.end(), uint64_t{0});
  const torch::Tensor drawn = random_normal(Draws(options.seed, "head"), rows, {like->second.size(2)}) * kHeadDeviation;  // [classes, D]
  weights["head.weight"] = drawn.to(like->second.scalar_type());
  weights["head.bias"] = torch::zeros({options.num_classes}, like->second.scalar_type());
  changes.push_back(fmt::format("drew a new head of {} classes (deviation {}, seed {})", options.num_classes, kHeadDeviation, options.seed));
}

void fit_pooling(TensorMap& weights, VitNames target, const std::string& global_pool, const std::string& origin, Changes& changes) {
  std::string pool = global_pool;
  if (pool == "auto" && target == VitNames::kRetfound && weights.contains("head.weight")) pool = "avg";
  if (pool == "auto") return;
  const std::string kept = pool == "avg" ? "fc_norm." : "norm.", other = pool == "avg" ? "norm." : "fc_norm.";
  if (weights.contains(kept + "weight")) {
    if (erase_below(weights, other) > 0) changes.push_back("left out " + other.substr(0, other.size() - 1));
    return;
  }
  if (!weights.contains(other + "weight") || !weights.contains(other + "bias")) reject("{} has neither norm nor fc_norm", origin);
  for (const char* part : {"weight", "bias"}) {
    auto node = weights.extract(other + part);
    node.key() = kept + part;
    weights.insert(std::move(node));
  }
  changes.push_back(fmt::format("renamed {} to {}: the model pools otherwise than the one that was trained, so its outputs differ; fine-tune it",
                                other.substr(0, other.size() - 1), kept.substr(0, kept.size() - 1)));
}

/// Whether the table is models_mae.py's fixed one.
bool is_sincos(const torch::Tensor& table, int64_t grid) {
  return table.size(2) % 4 == 0 && (table.to(torch::kFloat64) - sincos_pos_embed(table.size(2), grid)).abs().max().item<double>() < kTableTolerance;
}

void fit_tables(TensorMap& weights, const VitConversion& options, const std::string& origin, Changes& changes) {
  const auto patches = weights.find("patch_embed.proj.weight");
  if (patches == weights.end() || patches->second.dim() != 4) reject("{} has no patch_embed.proj.weight", origin);
  const int64_t patch = patches->second.size(2), grid = options.input_size / patch;
  if (grid < 1 || options.input_size % patch != 0) reject("--input_size {} is no multiple of the patch size {} of {}", options.input_size, patch, origin);
  const bool pretraining = weights.contains("decoder_embed.weight");
  for (const char* name : {"pos_embed", "decoder_pos_embed"}) {
    const auto found = weights.find(name);
    if (found == weights.end()) continue;
    torch::Tensor& table = found->second;
    if (table.dim() != 3 || table.size(0) != 1) reject("{}: {} has the shape {}, not [1, patches + 1, width]", origin, name, c10::str(table.sizes()));
    const auto before = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(table.size(1) - 1))));
    if (before * before != table.size(1) - 1) reject("{}: {} has {} rows, not one for the class token and a square of patches", origin, name, table.size(1));
    if (before == grid) continue;
    const bool fixed = pretraining && is_sincos(table, before);
    table = fixed ? sincos_pos_embed(table.size(2), grid).to(table.scalar_type()) : interpolate_pos_embed(table, grid, options.interpolation);
    changes.push_back(fmt::format("{} {} from {} to {} px ({} to {} patches)", fixed ? "made the sine-cosine table" : "interpolated", name, before * patch,
                                  options.input_size, before * before, grid * grid));
  }
}

}  // namespace

TensorMap convert_vit(const TensorMap& file, const WeightsIdentity& identity, VitNames target, const VitConversion& options, const std::string& origin, Changes& changes) {
  TensorMap weights = own_names(file, identity, target, origin, changes);
  if (identity.kind == WeightsKind::kTransformersVit) changes.push_back("took transformers' names off; query, key and value became one qkv");
  if (identity.kind == WeightsKind::kDinoV2 && weights.size() < file.size()) changes.push_back("left out what only DINOv2's training needs");
  if (target == VitNames::kTimm || options.drop_decoder) drop_decoder(weights, changes);
  fit_head(weights, options, origin, changes);
  if (identity.kind != WeightsKind::kDinoV2) fit_pooling(weights, target, options.global_pool, origin, changes);
  if (options.input_size > 0) fit_tables(weights, options, origin, changes);
  return weights;
}

}  // namespace defound
