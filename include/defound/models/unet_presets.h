#pragma once
#include <string>
#include <vector>

#include "defound/models/unet_2d_condition_config.h"

namespace defound {

/// Names that unet_preset knows: tiny, small (for training from scratch on a CPU), sd1 (Stable Diffusion 1.x).
std::vector<std::string> unet_preset_names();

/// A UNet for latents (or pixels) of `channels` channels and side `sample_size`. tiny and small halve the side until it
/// is 12 or less, with attention where it is 16 or less. Rejects (exit 2) an unknown name, or a side under 8.
UNet2DConditionConfig unet_preset(const std::string& name, int64_t sample_size, int64_t channels);

}  // namespace defound
