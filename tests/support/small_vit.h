#pragma once
#include "defound/models/mae.h"
#include "defound/models/vit.h"
#include "defound/tensor/load_weights.h"

namespace defound::testing {

inline MaeConfig tiny_mae(int64_t img_size = 16) {
  MaeConfig config;
  config.img_size = img_size, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3;
  config.decoder_embed_dim = 16, config.decoder_depth = 1, config.decoder_num_heads = 2;
  return config;
}

inline VitConfig tiny_vit(const std::string& global_pool = "avg", int64_t num_classes = 5) {
  VitConfig config;
  config.img_size = 16, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3;
  config.num_classes = num_classes, config.global_pool = global_pool;
  return config;
}

/// Weights of a model that is drawn anew.
template <class Model, class Config>
TensorMap drawn_weights(const Config& config, uint64_t seed = 1) {
  Model model(config);
  model.init_weights(Draws(seed, "init"));
  return state_dict(model);
}

}  // namespace defound::testing
