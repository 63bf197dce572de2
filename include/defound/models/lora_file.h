#pragma once
#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "defound/core/files.h"
#include "defound/models/text_condition.h"
#include "defound/nn/lora.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// The low-rank update of one layer: its weight gains scale x up x down.
struct LoraLayer {
  torch::Tensor down;   ///< A: [rank, in], or [rank, in, h, w] of a convolution
  torch::Tensor up;     ///< B: [out, rank], or [out, rank, 1, 1]
  double scale = 1;     ///< alpha / rank
};

/// Layers by name; in kohya's files dots are underscores ("down_blocks_0_...").
using LoraLayers = std::map<std::string, LoraLayer>;

struct LoraAdapter {
  fs::path file;
  LoraLayers unet, text_encoder;
  std::vector<LabelPrompt> labels;   ///< that it was trained on, where the file tells
};

/// Reads a LoRA file, or pytorch_lora_weights.safetensors or adapter_model.safetensors (or .bin) in a folder, with the names of
/// diffusers (`unet.X.lora_A.weight`, and since 2023 `lora.down`, `processor.to_q_lora.down`), peft (`base_model.model.X`)
/// or kohya (`lora_unet_X.lora_down.weight`). The scale comes from `X.alpha`, diffusers' lora_adapter_metadata or peft's
/// adapter_config.json beside the file; without them it is 1. Rejects (exit 2), by file and name, what is no LoRA, a half
/// of a pair, and variants that are more than A and B (DoRA, LoKr, biases).
LoraAdapter read_lora(const fs::path& file_or_folder);

/// Writes the tensors of `weights` that are named X.lora_A.weight and X.lora_B.weight, as diffusers' save_lora_weights
/// does; for its load_lora_weights X begins with "unet.". Fails (exit 1) on values that are not finite.
void save_lora(const fs::path& file, const TensorMap& weights, const LoraOptions& options,
               const std::vector<LabelPrompt>& labels);

}  // namespace defound
