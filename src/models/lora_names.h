#pragma once
#include <optional>
#include <string>

namespace defound {

enum class LoraPart { kDown, kUp, kAlpha };

/// What a tensor of a LoRA file is.
struct LoraName {
  bool of_text_encoder = false;
  std::string layer;   ///< "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
  LoraPart part = LoraPart::kDown;
};

/// Nothing for a name that none of the programs in lora_file.h gives.
std::optional<LoraName> parse_lora_name(const std::string& name);

}  // namespace defound
