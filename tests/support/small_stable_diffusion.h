#pragma once
#include <gtest/gtest.h>

#include <string>

#include "defound/models/generator.h"
#include "defound/models/key_maps_stable_diffusion.h"
#include "defound/models/text_condition.h"
#include "defound/nn/initialize.h"

namespace defound::testing {

/// A generator whose sizes a single file tells: heads of 64 in the text encoder, 8 heads and groups of 32 elsewhere.
inline Generator generator_like_a_single_file() {
  const fs::path goldens = DEFOUND_GOLDENS;
  const Json sizes = parse_json(read_text(goldens / "stable_diffusion_names.json"), "names").at("small");
  UNet2DConditionConfig unet = unet_config_from_json(sizes["unet"], "small");
  unet.sample_size = 64, unet.cross_attention_dim = 64;
  ClipTextConfig text = clip_text_config_from_json(parse_json(read_text(goldens / "stable_diffusion/text_encoder/config.json"), "text"), "text");
  text.hidden_size = 64, text.num_attention_heads = 1;
  auto encoder = std::make_shared<ClipTextModel>(text);
  initialize(*encoder, Draws(1, "text"));
  Generator generator;
  generator.vae = std::make_shared<AutoencoderKL>(autoencoder_config_from_json(sizes["vae"], "small"));
  initialize(*generator.vae, Draws(1, "vae"));
  generator.model = std::make_shared<ConditionalUNet>(unet, std::make_shared<TextCondition>(Tokenizer::load(goldens / "stable_diffusion/tokenizer"), encoder));
  initialize(*generator.model->unet, Draws(1, "unet"));
  return generator;
}

/// Saves such a generator as a folder and returns the same weights as the original single file names them.
inline TensorMap save_both_ways(const fs::path& folder) {
  const Generator generator = generator_like_a_single_file();
  generator.save(folder);
  TensorMap weights;
  for (const auto& [component, file] : {std::pair{"unet", "diffusion_pytorch_model"}, {"vae", "diffusion_pytorch_model"}, {"text_encoder", "model"}})
    for (const auto& [name, tensor] : load_safetensors(folder / component / (std::string(file) + ".safetensors")).tensors)
      weights[std::string(component) + "." + name] = tensor;
  return single_file_weights(weights, StableDiffusionNames(generator.model->unet->config(), generator.vae->config()), "folder");
}

}  // namespace defound::testing
