#pragma once
#include <optional>
#include <string>
#include <unordered_map>

#include "defound/models/autoencoder_kl_config.h"
#include "defound/models/unet_2d_condition_config.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// The names of Stable Diffusion 1.x's weights in its original single file (CompVis/stable-diffusion: "model.diffusion_model.*",
/// "first_stage_model.*", "cond_stage_model.transformer.*") and in diffusers' folder, there with the component in front
/// ("unet.*", "vae.*", "text_encoder.*"). A pure map of names, as diffusers loaders/single_file_utils.py has it.
class StableDiffusionNames {
 public:
  StableDiffusionNames(const UNet2DConditionConfig& unet, const AutoencoderKLConfig& vae);
  /// Nothing for a name that is not of these models.
  std::optional<std::string> to_diffusers(const std::string& single_file_name) const;
  std::optional<std::string> to_single_file(const std::string& diffusers_name) const;

 private:
  enum class Inside { kSame, kUnetResnet, kVaeResnet, kVaeAttention };  ///< how the names within a part differ
  struct Part {
    std::string other;
    Inside inside;
  };
  using Parts = std::unordered_map<std::string, Part>;
  void add(const std::string& single_file, const std::string& diffusers, Inside inside = Inside::kSame);
  void add_unet(const UNet2DConditionConfig& config);
  void add_vae(const AutoencoderKLConfig& config);
  static std::optional<std::string> translate(const Parts& parts, const std::string& name, bool to_diffusers);
  Parts from_single_file_, from_diffusers_;  // by the name of the part: the module's, without a dot at the end
};

/// The weights of a single file under diffusers' names. The 1x1 convolutions of the autoencoder's attention become the
/// linear layers that they are. Left out: what belongs to none of the three models (schedule tables, model_ema.*).
/// Rejects (exit 2) a name within them that is not known.
TensorMap diffusers_weights(const TensorMap& single_file, const StableDiffusionNames& names, const std::string& origin);

/// The reverse.
TensorMap single_file_weights(const TensorMap& diffusers, const StableDiffusionNames& names, const std::string& origin);

}  // namespace defound
