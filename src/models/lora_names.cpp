#include "lora_names.h"

#include <array>
#include <string_view>
#include <utility>

namespace defound {
namespace {

using NamedPart = std::pair<std::string_view, LoraPart>;

/// peft and diffusers today; peft's own state_dict; diffusers in 2023 and text encoders then; the first form; kohya.
constexpr std::array<NamedPart, 13> kLoraEndings = {{{".lora_A.weight", LoraPart::kDown},
                                                     {".lora_B.weight", LoraPart::kUp},
                                                     {".lora_A.default.weight", LoraPart::kDown},
                                                     {".lora_B.default.weight", LoraPart::kUp},
                                                     {".lora.down.weight", LoraPart::kDown},
                                                     {".lora.up.weight", LoraPart::kUp},
                                                     {".lora_linear_layer.down.weight", LoraPart::kDown},
                                                     {".lora_linear_layer.up.weight", LoraPart::kUp},
                                                     {"_lora.down.weight", LoraPart::kDown},
                                                     {"_lora.up.weight", LoraPart::kUp},
                                                     {".lora_down.weight", LoraPart::kDown},
                                                     {".lora_up.weight", LoraPart::kUp},
                                                     {".alpha", LoraPart::kAlpha}}};

bool take_prefix(std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.erase(0, prefix.size());
  return true;
}

/// attn1.processor.to_q -> attn1.to_q; to_out, which had no list around it, -> to_out.0; in CLIP to_q -> q_proj.
std::string modern_layer(std::string layer, bool of_text_encoder, bool of_first_form) {
  constexpr std::string_view kProcessor = ".processor.";
  if (const size_t at = layer.find(kProcessor); at != std::string::npos) layer.replace(at, kProcessor.size(), ".");
  if (!of_first_form) return layer;
  const size_t dot = layer.rfind('.') + 1;
  const std::string last = layer.substr(dot);
  if (of_text_encoder && last.starts_with("to_")) return layer.substr(0, dot) + last.substr(3) + "_proj";
  return last == "to_out" ? layer + ".0" : layer;
}

}  // namespace

std::optional<LoraName> parse_lora_name(const std::string& name) {
  for (const auto& [ending, part] : kLoraEndings) {
    if (!name.ends_with(ending)) continue;
    LoraName parsed{.part = part};
    std::string layer = name.substr(0, name.size() - ending.size());
    take_prefix(layer, "base_model.model.");
    if (take_prefix(layer, "text_encoder.") || take_prefix(layer, "lora_te_")) parsed.of_text_encoder = true;
    else if (!take_prefix(layer, "unet.") && !take_prefix(layer, "lora_unet_"))
      parsed.of_text_encoder = layer.starts_with("text_model.");
    parsed.layer = modern_layer(layer, parsed.of_text_encoder, ending.starts_with("_lora."));
    if (parsed.layer.empty()) return std::nullopt;
    return parsed;
  }
  return std::nullopt;
}

}  // namespace defound
