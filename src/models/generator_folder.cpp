#include "defound/core/error.h"
#include "defound/core/publish_folder.h"
#include "defound/core/version.h"
#include "defound/models/generator.h"
#include "defound/models/weights_identity.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";

Json read_config(const fs::path& path) { return parse_json(read_text(path, 1 << 24), path.string()); }

void write_config(const fs::path& path, const Json& values) {
  make_folder(path.parent_path());
  write_atomic(path, values.dump(2) + "\n");
}

Json model_index(bool has_vae) {
  Json index = {{"_class_name", "DefoundLabelPipeline"}, {"_defound_version", version_text()}};
  index["unet"] = {"diffusers", "UNet2DConditionModel"};
  if (has_vae) index["vae"] = {"diffusers", "AutoencoderKL"};
  index["scheduler"] = {"diffusers", "DDIMScheduler"};
  index["condition"] = {"defound", "LabelTable"};
  return index;
}

LabelTableConfig read_condition(const fs::path& folder) {
  if (!fs::exists(folder / "condition"))
    reject("{} has no condition/ (a label table){}", folder.string(),
           fs::exists(folder / "text_encoder") ? "; it is conditioned on text, which is not supported" : "");
  const fs::path path = folder / "condition" / "config.json";
  Json values = read_config(path);
  values.erase("_class_name");
  LabelTableConfig config;
  from_json(config, values, path.string());
  check_ranges(config);
  return config;
}

/// Loads a part strictly; a file that belongs to another part is named as what it is.
void load_part(torch::nn::Module& part, const TensorMap& weights, const fs::path& file) {
  load_weights(part, weights, {.missing_ok = {}, .surplus_ok = {}, .cause = misfit_cause(identify_weights(weights), identify_weights(state_dict(part)))}, file.string());
}

std::shared_ptr<AutoencoderKL> load_vae(const fs::path& folder) {
  if (!fs::exists(folder)) return nullptr;
  const fs::path config = folder / "config.json", weights = folder / kDiffusersWeights;
  auto vae = std::make_shared<AutoencoderKL>(autoencoder_config_from_json(read_config(config), config.string()));
  load_part(*vae, rename_old_attention_keys(load_safetensors(weights).tensors), weights);
  for (torch::Tensor& parameter : vae->parameters()) parameter.set_requires_grad(false);
  return vae;
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
  if (!fs::is_directory(folder)) reject("{} is no generator folder (it has no model_index.json)", folder.string());
  const Json index = read_config(folder / "model_index.json");
  const fs::path unet_config = folder / "unet" / "config.json", unet_weights = folder / "unet" / kDiffusersWeights;
  const fs::path scheduler = folder / "scheduler" / "scheduler_config.json", table = folder / "condition" / "model.safetensors";
  if (index.contains("vae") && !index["vae"].is_null() && !fs::exists(folder / "vae"))
    reject("{} names a vae, but there is no vae/ beside it", (folder / "model_index.json").string());
  const UNet2DConditionConfig unet = unet_config_from_json(read_config(unet_config), unet_config.string());
  if (!unet.sample_size) reject("{}: sample_size is not set; it is the side of the latents", unet_config.string());
  Generator generator;
  generator.vae = load_vae(folder / "vae");
  generator.scheduler = scheduler_config_from_json(read_config(scheduler), scheduler.string());
  const LabelTableConfig condition = read_condition(folder);
  if (unet.in_channels != (generator.vae ? generator.vae->config().latent_channels : 3) || unet.in_channels != unet.out_channels)
    reject("{}: {} in_channels and {} out_channels do not fit {}", unet_config.string(), unet.in_channels, unet.out_channels, generator.vae ? "the vae's latents" : "RGB pixels");
  generator.model = std::make_shared<ConditionalUNet>(unet, condition);
  load_part(*generator.model->unet, load_safetensors(unet_weights).tensors, unet_weights);
  load_part(*generator.model->condition, load_safetensors(table).tensors, table);
  return generator;
}

void Generator::save(const fs::path& folder, const TensorMap& weights) const {
  const TensorMap unet = weights_below(weights, "unet.", *model), condition = weights_below(weights, "condition.", *model);
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  publish_folder(folder, [&](const fs::path& fresh) {
    write_config(fresh / "unet" / "config.json", unet_config_to_json(model->unet->config()));
    save_safetensors(fresh / "unet" / kDiffusersWeights, unet, metadata);
    LabelTableConfig table = model->condition->config();
    Json table_config = {{"_class_name", "LabelTable"}};
    table_config.update(to_json(table));
    write_config(fresh / "condition" / "config.json", table_config);
    save_safetensors(fresh / "condition" / "model.safetensors", condition, metadata);
    write_config(fresh / "scheduler" / "scheduler_config.json", scheduler_config_to_json(scheduler));
    if (vae) {
      write_config(fresh / "vae" / "config.json", autoencoder_config_to_json(vae->config()));
      save_safetensors(fresh / "vae" / kDiffusersWeights, weights_below({}, "", *vae), metadata);
    }
    write_config(fresh / "model_index.json", model_index(vae != nullptr));
  });
}

}  // namespace defound
