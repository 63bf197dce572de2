#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/core/random.h"

namespace defound {

struct LoraOptions {
  int64_t rank = 4;
  double alpha = 4;   ///< the update is scaled by alpha / rank
  std::vector<std::string> targets = {"to_q", "to_k", "to_v", "to_out.0"};
};

/// Low-rank adaptation (Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022, section 4.1): every
/// Linear below `module` whose name is a target, or ends with a dot and one (as peft's target_modules), computes
/// W x + alpha / rank B A x. A is drawn with deviation 1 / rank by (draws, the layer's name), as diffusers'
/// train_text_to_image_lora.py does (init_lora_weights="gaussian"); B is 0, so the module first computes what it did. Only A
/// and B are trained from now on: all other parameters are frozen. Returns the layers' names; rejects (exit 2) a target
/// that no Linear has.
std::vector<std::string> add_lora(torch::nn::Module& module, const LoraOptions& options, const Draws& draws);

}  // namespace defound
