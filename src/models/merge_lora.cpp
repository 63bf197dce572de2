#include "defound/models/merge_lora.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "defound/core/error.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// From a layer's name, as any of the programs spells it, to its weight's.
std::map<std::string, std::string> weight_names(const TensorMap& weights) {
  constexpr std::string_view kWeight = ".weight", kTextModel = "text_model.";
  std::map<std::string, std::string> names;
  for (const auto& [name, tensor] : weights) {
    if (!name.ends_with(kWeight)) continue;
    const std::string layer = name.substr(0, name.size() - kWeight.size());
    names[layer] = names[with_underscores(layer)] = name;
    if (layer.starts_with(kTextModel)) names[layer.substr(kTextModel.size())] = name;  // newer transformers go without
  }
  return names;
}

torch::Tensor merged_weight(const torch::Tensor& weight, const std::string& name, const LoraLayer& layer, double scale,
                            const fs::path& file) {
  const torch::Tensor down = layer.down.flatten(1), up = layer.up.flatten(1);  // [rank, in h w], [out, rank]
  if (up.size(0) != weight.size(0) || up.size(0) * down.size(1) != weight.numel())
    reject("{}: the update of {} is [{}, {}], the model's weight {}: the adapter was trained on another model", file.string(),
           name, up.size(0), down.size(1), c10::str(weight.sizes()));
  const auto type = torch::promote_types(weight.scalar_type(), torch::kFloat32);
  const torch::Tensor update = torch::mm(up.to(type), down.to(type)).reshape(weight.sizes()).to(weight.device());
  return (weight.to(type) + scale * layer.scale * update).to(weight.scalar_type());
}

void merge_into(torch::nn::Module& module, const LoraLayers& layers, double scale, const fs::path& file) {
  const torch::NoGradGuard no_grad;
  TensorMap weights = state_dict(module);
  for (const auto& [name, merged] : merged_weights(weights, layers, scale, file)) weights.at(name).copy_(merged);
}

}  // namespace

TensorMap merged_weights(const TensorMap& weights, const LoraLayers& layers, double scale, const fs::path& file) {
  const torch::NoGradGuard no_grad;
  const auto names = weight_names(weights);
  TensorMap merged;
  for (const auto& [name, layer] : layers) {
    const auto found = names.find(name);
    if (found == names.end())
      reject("{}: the model has no layer {}: the adapter was trained on another model", file.string(), name);
    merged[found->second] = merged_weight(weights.at(found->second), name, layer, scale, file);
  }
  return merged;
}

void merge_lora(Generator& generator, const LoraAdapter& adapter, double scale) {
  auto* text = dynamic_cast<TextCondition*>(generator.model->condition.get());
  if (!adapter.text_encoder.empty() && !text)
    reject("{} changes a text encoder, which this generator lacks", adapter.file.string());
  merge_into(*generator.model->unet, adapter.unet, scale, adapter.file);
  if (!text) return;
  text->change_encoder([&](ClipTextModel& encoder) { merge_into(encoder, adapter.text_encoder, scale, adapter.file); });
  text->add_labels(adapter.labels);
}

LoraChoice parse_lora_choice(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || is_there(text)) return {text, 1};
  const std::string number = text.substr(colon + 1);
  char* end = nullptr;
  const double scale = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !std::isfinite(scale))
    reject("--lora {}: expected FILE or FILE:SCALE, but '{}' is no number", text, number);
  return {text.substr(0, colon), scale};
}

}  // namespace defound
