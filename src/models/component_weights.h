#pragma once
#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/tensor/safetensors.h"

namespace defound {

struct ComponentWeights {
  TensorMap tensors;
  fs::path file;
};

/// The weights of one component of a diffusers folder (unet/, vae/, text_encoder/, condition/): the first there is of
/// diffusion_pytorch_model, model and pytorch_model as .safetensors or its shards, then as .bin or its shards, then those
/// with .fp16 before the ending.
ComponentWeights read_component(const fs::path& folder);

/// Makes the part's weights views of those that it was loaded from, in whatever number type they have there: its own
/// memory is given back. A tensor of another shape keeps its memory.
void show_file_weights(torch::nn::Module& part, const TensorMap& weights);

/// A JSON file of a generator folder.
Json read_config_file(const fs::path& path);
void write_config_file(const fs::path& path, const Json& values);

}  // namespace defound
