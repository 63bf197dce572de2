#pragma once
#include <optional>
#include <string>
#include <vector>

#include "defound/config/json.h"

namespace defound {

/// The fields of diffusers' UNet2DConditionModel (models/unets/unet_2d_condition.py) that are used here, with its defaults.
struct UNet2DConditionConfig : Config {
  std::optional<int64_t> sample_size;                     ///< side of the latents
  int64_t in_channels = 4, out_channels = 4;
  bool center_input_sample = false, flip_sin_to_cos = true;
  double freq_shift = 0;
  std::vector<std::string> down_block_types = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"};
  std::vector<std::string> up_block_types = {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"};
  std::vector<int64_t> block_out_channels = {320, 640, 1280, 1280};
  std::vector<int64_t> layers_per_block = {2};            ///< one for all blocks, or one each
  int64_t downsample_padding = 1;
  double mid_block_scale_factor = 1;
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-5;
  int64_t cross_attention_dim = 1280;
  std::vector<int64_t> transformer_layers_per_block = {1};
  std::vector<int64_t> attention_head_dim = {8};          ///< the NUMBER of heads, whatever diffusers calls it (its issue 2011)
  bool use_linear_projection = false;
  void visit(Visitor& v) override;
};

/// From a config.json's values. Rejects (exit 2) by name whatever this UNet does not implement or what does not fit together.
UNet2DConditionConfig unet_config_from_json(const Json& values, const std::string& origin);
/// As diffusers reads it.
Json unet_config_to_json(UNet2DConditionConfig config);
/// Rejects (exit 2) block types that are unknown and lists of unequal length.
void check_unet_config(const UNet2DConditionConfig& config);

}  // namespace defound
