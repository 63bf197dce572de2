#include "defound/models/lora_file.h"

#include <optional>

#include "defound/core/error.h"
#include "defound/models/weights_identity.h"
#include "defound/tensor/weights_reader.h"
#include "lora_names.h"
#include "lora_scales.h"

namespace defound {
namespace {

constexpr const char* kLoraLabels = "defound.labels";

fs::path find_lora_file(const fs::path& path) {
  if (!is_there(path))
    reject("{} does not exist; expected a LoRA file, or a folder with pytorch_lora_weights.safetensors", path.string());
  if (!fs::is_directory(path)) return path;
  for (const char* name :
       {"pytorch_lora_weights.safetensors", "adapter_model.safetensors", "pytorch_lora_weights.bin", "adapter_model.bin"})
    if (is_there(path / name)) return path / name;
  reject("{} holds neither pytorch_lora_weights.safetensors nor adapter_model.safetensors (or .bin)", path.string());
}

/// The tensors of one layer, as far as they were found.
struct LoraPieces {
  torch::Tensor down, up;
  std::optional<double> alpha;
};

using PiecesByLayer = std::map<std::string, LoraPieces>;

/// Sorts the file's tensors by layer, those of the text encoder apart.
void sort_pieces(const WeightsFile& file, const fs::path& path, PiecesByLayer& unet, PiecesByLayer& text_encoder) {
  for (const auto& [name, tensor] : file.tensors) {
    const auto parsed = parse_lora_name(name);
    if (!parsed) {
      const std::string what = identify_weights(file.tensors, file.metadata).what;
      reject("{}: '{}' is no part of a plain LoRA (A, B, alpha); the file is this: {}", path.string(), name, what);
    }
    LoraPieces& pieces = (parsed->of_text_encoder ? text_encoder : unet)[parsed->layer];
    if (parsed->part == LoraPart::kAlpha) {
      if (tensor.numel() != 1) reject("{}: '{}' must be one number", path.string(), name);
      pieces.alpha = tensor.to(torch::kFloat64).item<double>();
    } else {
      (parsed->part == LoraPart::kDown ? pieces.down : pieces.up) = tensor;
    }
  }
}

LoraLayers layers_of(const PiecesByLayer& pieces, const LoraScales& scales, const fs::path& path) {
  LoraLayers layers;
  for (const auto& [name, found] : pieces) {
    if (!found.down.defined() || !found.up.defined())
      reject("{}: {} lacks its {}", path.string(), name, found.down.defined() ? "B (up)" : "A (down)");
    if (found.down.dim() < 2 || found.up.dim() < 2 || found.down.size(0) < 1 ||
        found.up.numel() != found.up.size(0) * found.down.size(0))
      reject("{}: A {} and B {} of {} do not fit together", path.string(), c10::str(found.down.sizes()),
             c10::str(found.up.sizes()), name);
    layers[name] = {found.down, found.up, scales.of_layer(name, found.down.size(0), found.alpha)};
  }
  return layers;
}

std::vector<LabelPrompt> labels_of(const WeightsFile& file, const fs::path& path) {
  const auto found = file.metadata.find(kLoraLabels);
  return found == file.metadata.end() ? std::vector<LabelPrompt>()
                                      : label_prompts_from_json(parse_json(found->second, path.string()), path.string());
}

}  // namespace

LoraAdapter read_lora(const fs::path& file_or_folder) {
  LoraAdapter adapter;
  adapter.file = find_lora_file(file_or_folder);
  const WeightsFile file = read_weights(adapter.file);
  PiecesByLayer unet, text_encoder;
  sort_pieces(file, adapter.file, unet, text_encoder);
  adapter.unet = layers_of(unet, read_lora_scales(adapter.file, file.metadata, "unet."), adapter.file);
  adapter.text_encoder = layers_of(text_encoder, read_lora_scales(adapter.file, file.metadata, "text_encoder."), adapter.file);
  adapter.labels = labels_of(file, adapter.file);
  return adapter;
}

void save_lora(const fs::path& file, const TensorMap& weights, const LoraOptions& options,
               const std::vector<LabelPrompt>& labels) {
  TensorMap pairs;
  for (const auto& [name, tensor] : weights) {
    if (!name.ends_with(".lora_A.weight") && !name.ends_with(".lora_B.weight")) continue;
    if (!torch::isfinite(tensor).all().item<bool>()) fail("{} holds values that are not finite; nothing was saved", name);
    pairs[name] = tensor.detach().to(torch::kCPU, torch::kFloat32);
  }
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  const Json scales = lora_metadata(options, "unet.");
  for (const auto& [key, value] : scales.items()) metadata[key] = value.get<std::string>();
  if (!labels.empty()) metadata[kLoraLabels] = label_prompts_to_json(labels).dump();
  save_safetensors(file, pairs, metadata);
}

}  // namespace defound
