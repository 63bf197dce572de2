#include "defound/models/unet_presets.h"

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/files.h"

namespace defound {
namespace {

/// Channels double at each level up to four times the first; the CPU pays for pixels, so the upper levels are thin.
UNet2DConditionConfig small_unet(int64_t width, int64_t layers, int64_t sample_size) {
  UNet2DConditionConfig config;
  config.block_out_channels.clear();
  config.down_block_types.clear();
  config.up_block_types.clear();
  int64_t side = sample_size, channels = width;
  for (bool deepest = false; !deepest; side = (side + 1) / 2, channels = std::min(2 * channels, 4 * width)) {
    deepest = side <= 12;
    const bool attends = side <= 16;
    config.block_out_channels.push_back(channels);
    config.down_block_types.push_back(attends ? "CrossAttnDownBlock2D" : "DownBlock2D");
    config.up_block_types.insert(config.up_block_types.begin(), attends ? "CrossAttnUpBlock2D" : "UpBlock2D");
  }
  config.layers_per_block = {layers};
  config.norm_num_groups = width / 4;
  config.attention_head_dim = {4};
  config.cross_attention_dim = 2 * width;
  return config;
}

}  // namespace

std::vector<std::string> unet_preset_names() { return {"tiny", "small", "sd1"}; }

UNet2DConditionConfig unet_preset(const std::string& name, int64_t sample_size, int64_t channels) {
  if (sample_size < 8) reject("a UNet needs a side of at least 8, not {}", sample_size);
  UNet2DConditionConfig config;
  if (name == "tiny") {
    config = small_unet(24, 1, sample_size);
  } else if (name == "small") {
    config = small_unet(64, 2, sample_size);
  } else if (name == "sd1") {
    config.cross_attention_dim = 768;
  } else {
    const std::string near = nearest(name, unet_preset_names());
    reject("unet '{}' is unknown; {}", name, near.empty() ? "use tiny, small or sd1" : fmt::format("did you mean '{}'?", near));
  }
  config.sample_size = sample_size;
  config.in_channels = config.out_channels = channels;
  return config;
}

}  // namespace defound
