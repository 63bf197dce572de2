#include "single_file.h"

#include "component_weights.h"
#include "defound/core/error.h"
#include "defound/models/key_maps_stable_diffusion.h"
#include "defound/models/text_condition.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/weights_reader.h"

namespace defound {
namespace {

constexpr int64_t kLatentSide = 64, kClipHeadWidth = 64;

/// Shapes in a file by name; rejects what is not there.
struct SingleFile {
  TensorMap tensors;
  std::string origin;
  bool has(const std::string& name) const { return tensors.contains(name); }
  int64_t size(const std::string& name, int64_t dimension) const {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.dim() <= dimension) reject("{} is no Stable Diffusion 1.x: it has no {}", origin, name);
    return found->second.size(dimension);
  }
};

UNet2DConditionConfig unet_config_of(const SingleFile& file) {
  const std::string root = "model.diffusion_model.";
  UNet2DConditionConfig config;
  config.sample_size = kLatentSide;
  config.in_channels = file.size(root + "input_blocks.0.0.weight", 1);
  config.out_channels = file.size(root + "out.2.weight", 0);
  config.block_out_channels.clear(), config.down_block_types.clear(), config.up_block_types.clear(), config.layers_per_block.clear();
  int64_t layers = 0;
  for (int64_t i = 1;; ++i) {
    const std::string block = fmt::format("{}input_blocks.{}.", root, i);
    const bool is_resnet = file.has(block + "0.in_layers.2.weight");
    if (is_resnet && layers++ == 0) {
      const std::string key = block + "1.transformer_blocks.0.attn2.to_k.weight";
      if (file.has(key)) config.cross_attention_dim = file.size(key, 1);
      config.block_out_channels.push_back(file.size(block + "0.in_layers.2.weight", 0));
      config.down_block_types.push_back(file.has(key) ? "CrossAttnDownBlock2D" : "DownBlock2D");
      config.up_block_types.insert(config.up_block_types.begin(), file.has(key) ? "CrossAttnUpBlock2D" : "UpBlock2D");
    }
    if (is_resnet) continue;
    config.layers_per_block.push_back(layers);  // a downsampler or the end of the way down
    layers = 0;
    if (!file.has(block + "0.op.weight")) break;
  }
  check_unet_config(config);
  return config;
}

AutoencoderKLConfig vae_config_of(const SingleFile& file) {
  const std::string root = "first_stage_model.";
  AutoencoderKLConfig config;
  config.block_out_channels.clear();
  for (int64_t level = 0; file.has(fmt::format("{}encoder.down.{}.block.0.conv1.weight", root, level)); ++level)
    config.block_out_channels.push_back(file.size(fmt::format("{}encoder.down.{}.block.0.conv1.weight", root, level), 0));
  if (config.block_out_channels.empty()) reject("{} is no Stable Diffusion 1.x: it has no {}encoder.down.0", file.origin, root);
  config.layers_per_block = 0;
  while (file.has(fmt::format("{}encoder.down.0.block.{}.conv1.weight", root, config.layers_per_block))) ++config.layers_per_block;
  config.down_block_types.assign(config.block_out_channels.size(), "DownEncoderBlock2D");
  config.up_block_types.assign(config.block_out_channels.size(), "UpDecoderBlock2D");
  config.latent_channels = file.size(root + "post_quant_conv.weight", 0);
  config.sample_size = kLatentSide << (config.block_out_channels.size() - 1);
  return config;
}

ClipTextConfig text_config_of(const SingleFile& file) {
  const std::string root = "cond_stage_model.transformer.text_model.";
  ClipTextConfig config;
  config.vocab_size = file.size(root + "embeddings.token_embedding.weight", 0);
  config.hidden_size = file.size(root + "embeddings.token_embedding.weight", 1);
  config.max_position_embeddings = file.size(root + "embeddings.position_embedding.weight", 0);
  config.intermediate_size = file.size(root + "encoder.layers.0.mlp.fc1.weight", 0);
  config.num_hidden_layers = 0;
  while (file.has(fmt::format("{}encoder.layers.{}.mlp.fc1.weight", root, config.num_hidden_layers))) ++config.num_hidden_layers;
  if (config.hidden_size % kClipHeadWidth != 0) reject("{}: the text encoder is {} wide; CLIP's have heads of {}", file.origin, config.hidden_size, kClipHeadWidth);
  config.num_attention_heads = config.hidden_size / kClipHeadWidth;
  return config;
}

SchedulerConfig stable_diffusion_schedule() {
  SchedulerConfig scheduler;
  scheduler.class_name = "PNDMScheduler";
  scheduler.beta_schedule = "scaled_linear", scheduler.beta_start = 0.00085, scheduler.beta_end = 0.012;
  scheduler.clip_sample = scheduler.set_alpha_to_one = false;
  scheduler.skip_prk_steps = true, scheduler.steps_offset = 1;
  return scheduler;
}

/// The tensors of one component, without its name in front.
TensorMap component_of(const TensorMap& weights, const std::string& prefix) {
  TensorMap found;
  for (const auto& [name, tensor] : weights)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  return found;
}

}  // namespace

Generator load_single_file(const fs::path& path) {
  const SingleFile file{read_weights(path).tensors, path.string()};
  const UNet2DConditionConfig unet = unet_config_of(file);
  const AutoencoderKLConfig vae = vae_config_of(file);
  auto encoder = std::make_shared<ClipTextModel>(text_config_of(file));
  if (unet.in_channels != vae.latent_channels || unet.out_channels != vae.latent_channels)
    reject("{}: a UNet with {} channels in and {} out on latents with {} (inpainting?) is not supported", file.origin, unet.in_channels, unet.out_channels, vae.latent_channels);
  if (!is_there(path.parent_path() / "tokenizer"))
    reject("{} holds no vocabulary: put CLIP's tokenizer (vocab.json, merges.txt) into {}", file.origin, (path.parent_path() / "tokenizer").string());
  const TensorMap weights = diffusers_weights(file.tensors, StableDiffusionNames(unet, vae), file.origin);
  Generator generator;
  generator.scheduler = stable_diffusion_schedule();
  generator.vae = std::make_shared<AutoencoderKL>(vae);
  load_weights(*generator.vae, component_of(weights, "vae."), {}, file.origin);
  for (torch::Tensor& parameter : generator.vae->parameters()) parameter.set_requires_grad(false);
  load_weights(*encoder, clip_text_weights(component_of(weights, "text_encoder.")), {}, file.origin);
  auto condition = std::make_shared<TextCondition>(Tokenizer::load(path.parent_path() / "tokenizer"), std::move(encoder));
  generator.model = std::make_shared<ConditionalUNet>(unet, std::move(condition));
  load_weights(*generator.model->unet, component_of(weights, "unet."), {}, file.origin);
  return generator;
}

}  // namespace defound
