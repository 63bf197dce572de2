#include "defound/models/key_maps.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/models/weights_identity.h"
#include "defound/nn/pos_embed.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

const std::vector<std::string> kDecoder = {"decoder_", "mask_token"};

size_t erase_prefix(TensorMap& weights, const std::vector<std::string>& prefixes) {
  return std::erase_if(weights, [&](const auto& item) { return has_prefix(item.first, prefixes); });
}

void rename(TensorMap& weights, const std::string& from, const std::string& to) {
  auto node = weights.extract(from);
  if (node.empty()) return;
  node.key() = to;
  weights.insert(std::move(node));
}

/// Resizes the table to the model's grid; the number of patches is left alone where the widths differ already.
std::string fit_pos_embed(TensorMap& weights, const torch::Tensor& own, int64_t grid_size) {
  const auto found = weights.find("pos_embed");
  if (found == weights.end() || found->second.dim() != 3 || found->second.size(2) != own.size(2) || found->second.size(1) == own.size(1)) return "";
  const int64_t before = found->second.size(1) - 1;
  found->second = interpolate_pos_embed(found->second, grid_size);
  return fmt::format("; pos_embed interpolated from {} to {} patches", before, grid_size * grid_size);
}

void log_loaded(size_t taken, const std::string& origin, const std::vector<std::string>& left_out, const std::vector<std::string>& stays_new, const std::string& more) {
  std::string text = fmt::format("took {} tensors from {}", taken, origin);
  if (!left_out.empty()) text += fmt::format("; not used: {}", fmt::join(left_out, ", "));
  if (!stays_new.empty()) text += fmt::format("; new: {}", fmt::join(stays_new, ", "));
  log::info("{}", text + more);
}

/// Refuses a file of another kind before anything of it is taken for something else.
void require_vit(const WeightsIdentity& file, const WeightsIdentity& model, const std::string& origin) {
  const bool vit = file.kind == WeightsKind::kMae || file.kind == WeightsKind::kEncoder || file.kind == WeightsKind::kClassifier;
  if (file.kind != WeightsKind::kUnknown && (!vit || !file.prefix.empty())) reject("{} cannot be taken: {}", origin, misfit_cause(file, model));
}

/// Makes the file's last norm stand where this model has one; true when fc_norm stays new.
bool fit_norm(TensorMap& weights, bool pools_average, bool norm_to_fc_norm, std::vector<std::string>& left_out) {
  if (!pools_average || weights.contains("fc_norm.weight")) {
    if (pools_average && erase_prefix(weights, {"norm."}) > 0) left_out.push_back("norm");
    return false;
  }
  if (norm_to_fc_norm) {
    rename(weights, "norm.weight", "fc_norm.weight");
    rename(weights, "norm.bias", "fc_norm.bias");
    return false;
  }
  if (erase_prefix(weights, {"norm."}) > 0) left_out.push_back("norm");
  return true;
}

}  // namespace

bool has_decoder(const TensorMap& weights) {
  return std::any_of(weights.begin(), weights.end(), [](const auto& item) { return item.first.starts_with("decoder_"); });
}

TensorMap encoder_weights(const TensorMap& mae) {
  TensorMap encoder = mae;
  erase_prefix(encoder, kDecoder);
  return encoder;
}

void load_encoder(VisionTransformer& model, TensorMap weights, const std::string& origin, const EncoderRules& rules) {
  const WeightsIdentity own = identify_weights(state_dict(model));
  require_vit(identify_weights(weights), own, origin);
  std::vector<std::string> left_out, stays_new;
  if (erase_prefix(weights, kDecoder) > 0) left_out.push_back("decoder");
  LoadRules exceptions;
  if (rules.take_head) {
    const auto found = weights.find("head.weight");
    if (found == weights.end()) reject("{} holds no classification head to take", origin);
  } else {
    if (erase_prefix(weights, {"head."}) > 0) left_out.push_back("head");
    exceptions.missing_ok.push_back("head.");
    stays_new.push_back("head");
  }
  if (fit_norm(weights, model.config.global_pool == "avg", rules.norm_to_fc_norm, left_out)) {
    exceptions.missing_ok.push_back("fc_norm.");
    stays_new.push_back("fc_norm");
  }
  exceptions.cause = misfit_cause(identify_weights(weights), own);
  const std::string resized = fit_pos_embed(weights, model.pos_embed, model.config.grid_size());
  load_weights(model, weights, exceptions, origin);
  log_loaded(weights.size(), origin, left_out, stays_new, resized);
}

void load_mae(MaskedAutoencoder& model, TensorMap weights, const std::string& origin, bool random_decoder) {
  const WeightsIdentity file = identify_weights(weights), own = identify_weights(state_dict(model));
  require_vit(file, own, origin);
  LoadRules exceptions{.missing_ok = {}, .surplus_ok = {}, .cause = misfit_cause(file, own)};
  std::vector<std::string> left_out, stays_new;
  if (weights.contains("fc_norm.weight") && !weights.contains("norm.weight"))
    reject("{} is this: {}; it has fc_norm in the place of the encoder's norm, so pretraining cannot continue from it. Make a file with "
           "defound-weights convert --to mae --global_pool token, and start from that with --init_decoder random", origin, file.what);
  if (!has_decoder(weights)) {
    if (!random_decoder)
      reject("{} holds no decoder (no decoder_embed, decoder_blocks, decoder_pred), so pretraining cannot continue from it. Use the file with the "
             "decoder (mae.safetensors; for the ImageNet weights mae_pretrain_vit_large_full.pth), or start a new one with --init_decoder random", origin);
    exceptions.missing_ok = kDecoder;
    stays_new = {"decoder", "mask_token"};
    if (erase_prefix(weights, {"head."}) > 0) left_out.push_back("head");
  }
  std::string kept_tables;
  for (const auto& [name, own] : {std::pair("pos_embed", model.pos_embed), std::pair("decoder_pos_embed", model.decoder_pos_embed)}) {
    const auto found = weights.find(name);
    if (found == weights.end() || found->second.dim() != 3 || found->second.size(2) != own.size(2) || found->second.size(1) == own.size(1)) continue;
    kept_tables = fmt::format("; position tables of this model's {} patches kept (the file has {})", own.size(1) - 1, found->second.size(1) - 1);
    weights.erase(found);
    exceptions.missing_ok.push_back(name);
  }
  load_weights(model, weights, exceptions, origin);
  log_loaded(weights.size(), origin, left_out, stays_new, kept_tables);
}

}  // namespace defound
