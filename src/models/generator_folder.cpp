#include "component_weights.h"
#include "defound/core/error.h"
#include "defound/core/publish_folder.h"
#include "defound/core/version.h"
#include "defound/models/generator.h"
#include "defound/models/text_condition.h"
#include "defound/models/weights_identity.h"
#include "defound/tensor/load_weights.h"
#include "single_file.h"

namespace defound {
namespace {

constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";

Json model_index(const Generator& generator) {
  Json index = {{"_class_name", ""}, {"_defound_version", version_text()}};
  index["unet"] = {"diffusers", "UNet2DConditionModel"};
  if (generator.vae) index["vae"] = {"diffusers", "AutoencoderKL"};
  index["scheduler"] = {"diffusers", generator.scheduler.class_name};
  generator.model->condition->describe(index);
  return index;
}

/// Whether model_index.json names a part that is not null.
bool names_part(const Json& index, const std::string& part) {
  const auto found = index.find(part);
  return found != index.end() && found->is_array() && !found->empty() && !found->front().is_null();
}

std::shared_ptr<Condition> load_condition(const fs::path& folder) {
  if (is_there(folder / "condition")) return LabelTable::load(folder);
  if (is_there(folder / "text_encoder")) return TextCondition::load(folder);
  reject("{} has neither condition/ (a label table) nor text_encoder/", folder.string());
}

/// Loads a part strictly; a file that belongs to another part is named as what it is.
void load_part(torch::nn::Module& part, const TensorMap& weights, const fs::path& file) {
  load_weights(part, weights, {.missing_ok = {}, .surplus_ok = {}, .cause = misfit_cause(identify_weights(weights), identify_weights(state_dict(part)))}, file.string());
}

std::shared_ptr<AutoencoderKL> load_vae(const fs::path& folder) {
  if (!is_there(folder)) return nullptr;
  const fs::path config = folder / "config.json";
  auto vae = std::make_shared<AutoencoderKL>(autoencoder_config_from_json(read_config_file(config), config.string()));
  const ComponentWeights weights = read_component(folder);
  load_part(*vae, rename_old_attention_keys(weights.tensors), weights.file);
  for (torch::Tensor& parameter : vae->parameters()) parameter.set_requires_grad(false);
  return vae;
}

SchedulerConfig load_scheduler(const fs::path& path, bool reads_text) {
  SchedulerConfig scheduler = scheduler_config_from_json(read_config_file(path), path.string());
  // StableDiffusionPipeline puts these right in configs from before they were fields
  if (reads_text) scheduler.clip_sample = false, scheduler.steps_offset = 1;
  return scheduler;
}

/// The tensors of `weights` below `prefix`, or of the module when there are none.
TensorMap weights_below(const TensorMap& weights, const std::string& prefix, const torch::nn::Module& module) {
  TensorMap found;
  for (const auto& [name, tensor] : weights.empty() ? state_dict(module) : weights) {
    if (!name.starts_with(prefix)) continue;
    if (!torch::isfinite(tensor).all().item<bool>()) fail("{} holds values that are not finite; nothing was saved", name);
    found[name.substr(prefix.size())] = tensor.to(torch::kCPU, torch::kFloat32);
  }
  return found;
}

}  // namespace

Generator Generator::load(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return load_single_file(folder);
  if (!fs::is_directory(folder)) reject("{} is no generator folder (it has no model_index.json)", folder.string());
  const Json index = read_config_file(folder / "model_index.json");
  const fs::path unet_config = folder / "unet" / "config.json";
  if (names_part(index, "vae") && !is_there(folder / "vae")) reject("{} names a vae, but there is no vae/ beside it", (folder / "model_index.json").string());
  const UNet2DConditionConfig unet = unet_config_from_json(read_config_file(unet_config), unet_config.string());
  if (!unet.sample_size) reject("{}: sample_size is not set; it is the side of the latents", unet_config.string());
  Generator generator;
  generator.vae = load_vae(folder / "vae");
  if (unet.in_channels != (generator.vae ? generator.vae->config().latent_channels : 3) || unet.in_channels != unet.out_channels)
    reject("{}: {} in_channels and {} out_channels do not fit {}", unet_config.string(), unet.in_channels, unet.out_channels, generator.vae ? "the vae's latents" : "RGB pixels");
  generator.model = std::make_shared<ConditionalUNet>(unet, load_condition(folder));
  generator.scheduler = load_scheduler(folder / "scheduler" / "scheduler_config.json", generator.model->condition->reads_text());
  const ComponentWeights weights = read_component(folder / "unet");
  load_part(*generator.model->unet, weights.tensors, weights.file);
  return generator;
}

void Generator::leave_frozen_on_disk(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return;
  if (vae) show_file_weights(*vae, rename_old_attention_keys(read_component(folder / "vae").tensors));
  if (auto* text = dynamic_cast<TextCondition*>(model->condition.get())) text->leave_encoder_on_disk(folder);
}

void Generator::save(const fs::path& folder, const TensorMap& weights) const {
  const TensorMap unet = weights_below(weights, "unet.", *model), condition = weights_below(weights, "condition.", *model);
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  publish_folder(folder, [&](const fs::path& fresh) {
    write_config_file(fresh / "unet" / "config.json", unet_config_to_json(model->unet->config()));
    save_safetensors(fresh / "unet" / kDiffusersWeights, unet, metadata);
    model->condition->save(fresh, condition);
    write_config_file(fresh / "scheduler" / "scheduler_config.json", scheduler_config_to_json(scheduler));
    if (vae) {
      write_config_file(fresh / "vae" / "config.json", autoencoder_config_to_json(vae->config()));
      save_safetensors(fresh / "vae" / kDiffusersWeights, weights_below({}, "", *vae), metadata);
    }
    write_config_file(fresh / "model_index.json", model_index(*this));
  });
}

}  // namespace defound
