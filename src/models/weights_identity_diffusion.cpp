#include <fmt/ranges.h>

#include "weights_shapes.h"

namespace defound {
namespace {

/// The release of Stable Diffusion whose UNet has this cross-attention width; "" for others.
std::string stable_diffusion_release(int64_t cross_attention_dim, int64_t first_channels) {
  if (first_channels != 320) return "";
  return cross_attention_dim == 768 ? "SD 1.x" : cross_attention_dim == 1024 ? "SD 2.x" : cross_attention_dim == 2048 ? "SDXL" : "";
}

/// First sizes of PREFIX0SUFFIX, PREFIX1SUFFIX, ... up to the first that is missing.
std::vector<int64_t> level_channels(const WeightsShapes& shapes, const std::string& prefix, const std::string& suffix) {
  std::vector<int64_t> channels;
  while (const int64_t size = shapes.size(prefix + std::to_string(channels.size()) + suffix, 0)) channels.push_back(size);
  return channels;
}

int64_t cross_attention_width(const WeightsShapes& shapes, const std::string& start) {
  const auto key = shapes.first(start, "attn2.to_k.weight");
  return key ? shapes.size(*key, 1) : 0;
}

const char* input_text(int64_t channels) { return channels == 9 ? ", inpainting" : channels == 8 ? ", image editing" : ""; }

}  // namespace

std::optional<WeightsIdentity> identify_unet(const WeightsShapes& shapes) {
  if (!shapes.has("conv_in.weight") || !shapes.has("time_embedding.linear_1.weight") || !shapes.any_begins("down_blocks.0.")) return std::nullopt;
  WeightsIdentity identity{.kind = WeightsKind::kUnet, .names = "diffusers"};
  const std::vector<int64_t> channels = level_channels(shapes, "down_blocks.", ".resnets.0.conv1.weight");
  const int64_t context = cross_attention_width(shapes, "down_blocks."), in_channels = shapes.size("conv_in.weight", 1);
  identity.sizes = {{"in_channels", in_channels}, {"out_channels", shapes.size("conv_out.weight", 0)}, {"block_out_channels", channels}};
  if (context > 0) identity.sizes["cross_attention_dim"] = context;
  const std::string release = stable_diffusion_release(context, shapes.size("conv_in.weight", 0));
  identity.what = !release.empty() ? fmt::format("diffusers UNet, {}{}", release, input_text(in_channels))
                                   : fmt::format("diffusers UNet (channels {}{})", fmt::join(channels, ", "), context > 0 ? fmt::format("; cross attention {}", context) : "");
  identity.uses = {{"generator", "belongs to unet/diffusion_pytorch_model.safetensors of a generator folder, with its config.json"}};
  return identity;
}

std::optional<WeightsIdentity> identify_autoencoder(const WeightsShapes& shapes) {
  const bool diffusers = shapes.any_begins("encoder.down_blocks.0."), original = shapes.any_begins("encoder.down.0.");
  if (!shapes.has("encoder.conv_in.weight") || !shapes.has("decoder.conv_in.weight") || (!diffusers && !original)) return std::nullopt;
  WeightsIdentity identity{.kind = WeightsKind::kAutoencoder, .names = diffusers ? "diffusers" : "CompVis"};
  const std::vector<int64_t> channels =
      diffusers ? level_channels(shapes, "encoder.down_blocks.", ".resnets.0.conv1.weight") : level_channels(shapes, "encoder.down.", ".block.0.conv1.weight");
  const int64_t latents = shapes.size("decoder.conv_in.weight", 1);
  identity.sizes = {{"in_channels", shapes.size("encoder.conv_in.weight", 1)}, {"latent_channels", latents}, {"block_out_channels", channels}};
  identity.sizes["shrinks_by"] = channels.empty() ? 1 : int64_t{1} << (channels.size() - 1);
  identity.what = fmt::format("{}{}", diffusers ? "diffusers AutoencoderKL" : "autoencoder of the original Stable Diffusion",
                              channels == std::vector<int64_t>{128, 256, 512, 512} && latents == 4 ? ", as of SD 1.x and 2.x" : fmt::format(", {} latent channels", latents));
  if (shapes.first("", ".query.weight")) identity.notes.push_back("attention under diffusers' old names (query, key, value); convert --to diffusers gives the new ones");
  identity.uses = {{"generator", diffusers ? "belongs to vae/diffusion_pytorch_model.safetensors of a generator folder, with its config.json" : "not under these names"}};
  return identity;
}

std::optional<WeightsIdentity> identify_clip_text(const WeightsShapes& shapes) {
  const std::string base = shapes.any_begins("text_model.") ? "text_model." : "", tokens = base + "embeddings.token_embedding.weight";
  if (!shapes.has(tokens) || !shapes.any_begins(base + "encoder.layers.0.self_attn.")) return std::nullopt;
  WeightsIdentity identity{.kind = WeightsKind::kClipText, .names = "transformers"};
  const int64_t width = shapes.size(tokens, 1), depth = shapes.count(base + "encoder.layers.", ".self_attn.q_proj.weight");
  identity.sizes = {{"width", width}, {"depth", depth}, {"heads", width / 64}, {"vocabulary", shapes.size(tokens, 0)},
                    {"tokens", shapes.size(base + "embeddings.position_embedding.weight", 0)}};
  const bool vision = shapes.any_begins("vision_model.");
  identity.what = fmt::format("{}{}", vision ? "CLIP, text and vision" : "CLIP text encoder",
                              width == 768 && depth == 12 ? ", as of SD 1.x" : fmt::format(" (width {}, depth {})", width, depth));
  identity.uses = {{"generator", vision ? "the text half belongs to text_encoder/ of a generator folder"
                                        : "belongs to text_encoder/model.safetensors of a generator folder, with its config.json"}};
  return identity;
}

std::optional<WeightsIdentity> identify_stable_diffusion(const WeightsShapes& shapes) {
  const bool unet = shapes.any_begins("model.diffusion_model."), autoencoder = shapes.any_begins("first_stage_model.");
  const bool text = shapes.any_begins("cond_stage_model.") || shapes.any_begins("conditioner.");
  if (!unet) return std::nullopt;
  WeightsIdentity identity{.kind = WeightsKind::kStableDiffusion, .names = "CompVis"};
  const std::string first = "model.diffusion_model.input_blocks.0.0.weight";
  const int64_t context = cross_attention_width(shapes, "model.diffusion_model.input_blocks."), in_channels = shapes.size(first, 1);
  const std::string release = stable_diffusion_release(context, shapes.size(first, 0));
  identity.what = fmt::format("original SD checkpoint, one file{}{}{}", release.empty() ? "" : ", ", release, input_text(in_channels));
  identity.sizes = {{"in_channels", in_channels}, {"cross_attention_dim", context}, {"unet", true}, {"autoencoder", autoencoder}, {"text_encoder", text},
                    {"averaged_unet", shapes.any_begins("model_ema.")}};
  identity.uses = {{"generator", autoencoder && text ? "defound-weights convert --to diffusers makes the folder (CLIP's tokenizer/ must lie beside the file)"
                                                     : fmt::format("no {}: take it from another file", !autoencoder ? "autoencoder" : "text encoder")}};
  return identity;
}

}  // namespace defound
