#include "defound/models/key_maps_stable_diffusion.h"

#include <vector>

#include "defound/config/diffusers_config.h"
#include "defound/core/error.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

using Renames = std::vector<std::pair<std::string, std::string>>;  // single file, diffusers

const std::vector<std::string> kSingleFileModels = {"model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."};

const Renames kUnetResnet = {{"in_layers.0", "norm1"},   {"in_layers.2", "conv1"},           {"out_layers.0", "norm2"},
                             {"out_layers.3", "conv2"},  {"emb_layers.1", "time_emb_proj"},  {"skip_connection", "conv_shortcut"}};
const Renames kVaeResnet = {{"nin_shortcut", "conv_shortcut"}, {"norm1", "norm1"}, {"norm2", "norm2"}, {"conv1", "conv1"}, {"conv2", "conv2"}};
const Renames kVaeAttention = {{"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"}};

/// A name within a part, "in_layers.0.weight", in the other spelling.
std::optional<std::string> renamed(const Renames& renames, const std::string& name, bool to_diffusers) {
  for (const auto& [single_file, diffusers] : renames) {
    const std::string& from = to_diffusers ? single_file : diffusers;
    if (name.starts_with(from + ".")) return (to_diffusers ? diffusers : single_file) + name.substr(from.size());
  }
  return std::nullopt;
}

bool is_vae_attention_weight(const std::string& diffusers_name) {
  return diffusers_name.starts_with("vae.") && diffusers_name.find(".attentions.") != std::string::npos && diffusers_name.ends_with(".weight") &&
         diffusers_name.find(".group_norm.") == std::string::npos;
}

}  // namespace

StableDiffusionNames::StableDiffusionNames(const UNet2DConditionConfig& unet, const AutoencoderKLConfig& vae) {
  add_unet(unet);
  add_vae(vae);
  add("cond_stage_model.transformer", "text_encoder");
}

void StableDiffusionNames::add(const std::string& single_file, const std::string& diffusers, Inside inside) {
  from_single_file_[single_file] = {diffusers, inside};
  from_diffusers_[diffusers] = {single_file, inside};
}

void StableDiffusionNames::add_unet(const UNet2DConditionConfig& config) {
  const std::string original = "model.diffusion_model.", ours = "unet.";
  const size_t levels = config.block_out_channels.size();
  const auto layers = per_block(config.layers_per_block, levels, "layers_per_block");
  for (const auto& [from, to] : Renames{{"time_embed.0", "time_embedding.linear_1"}, {"time_embed.2", "time_embedding.linear_2"}, {"input_blocks.0.0", "conv_in"},
                                        {"out.0", "conv_norm_out"}, {"out.2", "conv_out"}, {"middle_block.1", "mid_block.attentions.0"}})
    add(original + from, ours + to);
  add(original + "middle_block.0", ours + "mid_block.resnets.0", Inside::kUnetResnet);
  add(original + "middle_block.2", ours + "mid_block.resnets.1", Inside::kUnetResnet);
  for (size_t level = 0, number = 1; level < levels; ++level) {
    const std::string block = fmt::format("{}down_blocks.{}.", ours, level);
    for (int64_t layer = 0; layer < layers[level]; ++layer, ++number) {
      add(fmt::format("{}input_blocks.{}.0", original, number), fmt::format("{}resnets.{}", block, layer), Inside::kUnetResnet);
      if (config.down_block_types[level].starts_with("CrossAttn")) add(fmt::format("{}input_blocks.{}.1", original, number), fmt::format("{}attentions.{}", block, layer));
    }
    if (level + 1 < levels) add(fmt::format("{}input_blocks.{}.0.op", original, number++), block + "downsamplers.0.conv");
  }
  for (size_t up = 0, number = 0; up < levels; ++up) {
    const std::string block = fmt::format("{}up_blocks.{}.", ours, up);
    const bool attends = config.up_block_types[up].starts_with("CrossAttn");
    for (int64_t layer = 0; layer <= layers[levels - 1 - up]; ++layer, ++number) {
      add(fmt::format("{}output_blocks.{}.0", original, number), fmt::format("{}resnets.{}", block, layer), Inside::kUnetResnet);
      if (attends) add(fmt::format("{}output_blocks.{}.1", original, number), fmt::format("{}attentions.{}", block, layer));
    }
    // in the last layer's block, behind the resnet and the attention
    if (up + 1 < levels) add(fmt::format("{}output_blocks.{}.{}.conv", original, number - 1, attends ? 2 : 1), block + "upsamplers.0.conv");
  }
}

void StableDiffusionNames::add_vae(const AutoencoderKLConfig& config) {
  const size_t levels = config.block_out_channels.size();
  for (const std::string half : {"encoder", "decoder"}) {
    const std::string original = "first_stage_model." + half + ".", ours = "vae." + half + ".";
    const bool down = half == "encoder";
    add(original + "conv_in", ours + "conv_in");
    add(original + "conv_out", ours + "conv_out");
    add(original + "norm_out", ours + "conv_norm_out");
    add(original + "mid.block_1", ours + "mid_block.resnets.0", Inside::kVaeResnet);
    add(original + "mid.attn_1", ours + "mid_block.attentions.0", Inside::kVaeAttention);
    add(original + "mid.block_2", ours + "mid_block.resnets.1", Inside::kVaeResnet);
    for (size_t level = 0; level < levels; ++level) {  // CompVis numbers the decoder's levels from the outermost too
      const std::string from = fmt::format("{}{}.{}.", original, down ? "down" : "up", level);
      const std::string to = fmt::format("{}{}.{}.", ours, down ? "down_blocks" : "up_blocks", down ? level : levels - 1 - level);
      for (int64_t layer = 0; layer < config.layers_per_block + (down ? 0 : 1); ++layer)
        add(fmt::format("{}block.{}", from, layer), fmt::format("{}resnets.{}", to, layer), Inside::kVaeResnet);
      if (down && level + 1 < levels) add(from + "downsample.conv", to + "downsamplers.0.conv");
      if (!down && level > 0) add(from + "upsample.conv", to + "upsamplers.0.conv");
    }
  }
  for (const std::string name : {"quant_conv", "post_quant_conv"}) add("first_stage_model." + name, "vae." + name);
}

std::optional<std::string> StableDiffusionNames::translate(const Parts& parts, const std::string& name, bool to_diffusers) {
  for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {  // the longest part that the name begins with
    const auto found = parts.find(name.substr(0, dot));
    if (found == parts.end()) continue;
    const auto& [other, inside] = found->second;
    std::optional<std::string> rest = name.substr(dot + 1);
    if (inside == Inside::kUnetResnet) rest = renamed(kUnetResnet, *rest, to_diffusers);
    if (inside == Inside::kVaeResnet) rest = renamed(kVaeResnet, *rest, to_diffusers);
    if (inside == Inside::kVaeAttention) rest = renamed(kVaeAttention, *rest, to_diffusers);
    return rest ? std::optional(other + "." + *rest) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> StableDiffusionNames::to_diffusers(const std::string& name) const { return translate(from_single_file_, name, true); }
std::optional<std::string> StableDiffusionNames::to_single_file(const std::string& name) const { return translate(from_diffusers_, name, false); }

TensorMap diffusers_weights(const TensorMap& single_file, const StableDiffusionNames& names, const std::string& origin) {
  TensorMap weights;
  for (const auto& [name, tensor] : single_file) {
    if (!has_prefix(name, kSingleFileModels)) continue;
    const auto renamed = names.to_diffusers(name);
    if (!renamed) reject("{}: '{}' is not a weight of a Stable Diffusion 1.x of this size", origin, name);
    const bool convolution = is_vae_attention_weight(*renamed) && tensor.dim() == 4 && tensor.size(2) == 1 && tensor.size(3) == 1;
    weights[*renamed] = convolution ? tensor.flatten(1) : tensor;
  }
  return weights;
}

TensorMap single_file_weights(const TensorMap& diffusers, const StableDiffusionNames& names, const std::string& origin) {
  TensorMap weights;
  for (const auto& [name, tensor] : diffusers) {
    const auto renamed = names.to_single_file(name);
    if (!renamed) reject("{}: '{}' is not a weight of a Stable Diffusion 1.x of this size", origin, name);
    weights[*renamed] = is_vae_attention_weight(name) && tensor.dim() == 2 ? tensor.unsqueeze(2).unsqueeze(3) : tensor;
  }
  return weights;
}

}  // namespace defound
