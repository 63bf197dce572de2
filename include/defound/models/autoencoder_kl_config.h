#pragma once
#include <optional>
#include <string>
#include <vector>

#include "defound/config/json.h"

namespace defound {

/// The fields of diffusers' AutoencoderKL (models/autoencoders/autoencoder_kl.py) that are used here, with its defaults.
struct AutoencoderKLConfig : Config {
  int64_t in_channels = 3, out_channels = 3;
  std::vector<std::string> down_block_types = {"DownEncoderBlock2D"}, up_block_types = {"UpDecoderBlock2D"};
  std::vector<int64_t> block_out_channels = {64};
  int64_t layers_per_block = 1, latent_channels = 4, norm_num_groups = 32, sample_size = 32;
  double scaling_factor = 0.18215;                 ///< latents x this have about unit variance
  bool use_quant_conv = true, use_post_quant_conv = true, mid_block_add_attention = true;
  void visit(Visitor& v) override;
};

/// From a config.json's values; rejects (exit 2) by name whatever this autoencoder does not implement.
AutoencoderKLConfig autoencoder_config_from_json(const Json& values, const std::string& origin);
Json autoencoder_config_to_json(AutoencoderKLConfig config);

}  // namespace defound
