#include "generator_setup.h"

#include "defound/core/error.h"
#include "defound/models/flops.h"
#include "defound/models/unet_presets.h"
#include "defound/train/lr_schedule.h"

namespace defound {
namespace {

constexpr int64_t kVaeFactor = 8, kLatentChannels = 4, kClipTokens = 77;

/// The UNet of --init, or of --unet: a preset, or a diffusers config.json.
UNet2DConditionConfig unet_of(const TrainGeneratorConfig& config) {
  if (const fs::path file = fs::path(config.init) / "unet" / "config.json"; !config.init.empty() && is_there(file))
    return unet_config_from_json(parse_json(read_text(file, 1 << 20), file.string()), file.string());
  if (config.unet.ends_with(".json"))
    return unet_config_from_json(parse_json(read_text(config.unet, 1 << 20), config.unet), config.unet);
  const bool latent = config.unet == "sd1";
  return unet_preset(config.unet, latent ? config.resolution / kVaeFactor : config.resolution, latent ? kLatentChannels : 3);
}

SchedulerConfig scheduler_of(const TrainGeneratorConfig& config) {
  SchedulerConfig scheduler;
  scheduler.beta_schedule = config.beta_schedule;
  if (config.beta_schedule == "scaled_linear")
    scheduler.beta_start = 0.00085, scheduler.beta_end = 0.012;  // Stable Diffusion's
  scheduler.prediction_type = config.prediction_type;
  scheduler.clip_sample = config.unet != "sd1";  // pixels lie in -1..1, latents do not
  scheduler.set_alpha_to_one = false;
  scheduler.steps_offset = 1;
  return scheduler;
}

/// A label table has rows for the labels that it was made with; an adapter may be for some of them.
void check_labels(const TrainGeneratorConfig& config, const Generator& generator, const std::vector<std::string>& labels) {
  if (generator.model->condition->reads_text()) return;
  const std::vector<std::string> known = generator.labels();
  if (config.lora_rank > 0)
    for (const std::string& label : labels) (void)index_of_label(label, known);
  else if (known != labels) reject("the generator {} knows other labels than the data; choose them with --labels", config.init);
}

Generator load_start(const TrainGeneratorConfig& config, const std::vector<std::string>& labels) {
  Generator generator = Generator::load(config.init);
  check_labels(config, generator, labels);
  if (const int64_t side = generator.resolution(); side != config.resolution)
    reject("the generator {} is for {} px; --resolution is {}", config.init, side, config.resolution);
  return generator;
}

Generator make_start(const TrainGeneratorConfig& config, const std::vector<std::string>& labels) {
  const UNet2DConditionConfig unet = unet_of(config);
  if (unet.in_channels != 3)
    reject("a UNet on latents needs an autoencoder: start from a generator folder with a vae/ by --init");
  LabelTableConfig table;
  table.labels = labels;
  table.cross_attention_dim = unet.cross_attention_dim;
  return Generator::make(unet, table, scheduler_of(config), nullptr, Draws(static_cast<uint64_t>(config.run.seed), "init"));
}

void check_lora(const TrainGeneratorConfig& config) {
  if (config.lora_rank == 0 && config.lora_alpha)
    reject("lora_alpha is set, but lora_rank is 0, so that no adapter is trained; give --lora_rank");
  if (config.lora_rank > 0 && config.init.empty())
    reject("lora_rank is {}, but there is nothing to adapt; give the generator folder with --init", config.lora_rank);
}

}  // namespace

LoraOptions lora_options(const TrainGeneratorConfig& config) {
  return {config.lora_rank, config.lora_alpha.value_or(static_cast<double>(config.lora_rank)), config.lora_target};
}

Generator start_generator(const TrainGeneratorConfig& config, std::vector<std::string> labels) {
  if (labels.empty()) labels = {"image"};
  check_lora(config);
  Generator generator = config.init.empty() ? make_start(config, labels) : load_start(config, labels);
  generator.model->unet->set_gradient_checkpointing(config.gradient_checkpointing);
  if (config.lora_rank == 0) return generator;
  add_lora(*generator.model->unet, lora_options(config), Draws(static_cast<uint64_t>(config.run.seed), "lora"));
  for (torch::Tensor& parameter : generator.model->condition->parameters()) parameter.set_requires_grad(false);
  return generator;
}

TrainingPlan plan_of_generator(const TrainGeneratorConfig& config, int64_t images) {
  check_lora(config);
  const UNet2DConditionConfig unet = unet_of(config);
  const auto model = std::make_shared<UNet2DConditionModel>(unet);  // its memory is not touched
  if (config.lora_rank > 0) add_lora(*model, lora_options(config), Draws(0, "plan"));
  TrainingPlan plan;
  plan.model = fmt::format("UNet {}, {} px", config.init.empty() ? config.unet : config.init, config.resolution);
  for (const auto& parameter : model->parameters()) {
    plan.parameters += parameter.numel();
    plan.trained += parameter.requires_grad() ? parameter.numel() : 0;
  }
  if (config.lora_rank > 0) plan.saved = plan.trained, plan.model += fmt::format(", LoRA of rank {}", config.lora_rank);
  const bool latent = unet.in_channels == kLatentChannels;
  const int64_t side = unet.sample_size.value_or(latent ? config.resolution / kVaeFactor : config.resolution);
  // forward, and backward to the activations; to the weights too where those are trained; forward once more with checkpointing
  const int64_t passes = (config.lora_rank > 0 ? 2 : 3) + (config.gradient_checkpointing ? 1 : 0);
  plan.flops_per_image = static_cast<double>(passes) * unet_flops(unet, side, latent ? kClipTokens : LabelTableConfig{}.tokens);
  // the autoencoder's and the text encoder's forward passes at 512 px (Stable Diffusion 1.x), scaled by the area
  if (latent && config.cached_latents.empty())
    plan.frozen_flops_per_image = (1117e9 * config.resolution * config.resolution / (512.0 * 512)) + 13.3e9;
  plan.images = images;
  plan.steps = total_steps(config.train, images);
  return plan;
}

}  // namespace defound
