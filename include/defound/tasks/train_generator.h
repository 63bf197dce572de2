#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct TrainGeneratorConfig : RunConfig<TrainGeneratorConfig> {
  TrainGeneratorConfig();
  DataOptions data;
  std::string unet = "small";
  int64_t resolution = 64;
  std::string init;
  std::string cached_latents;
  std::vector<std::string> prompt_template = {"{label}"};
  std::string prediction_type = "epsilon";
  std::string beta_schedule = "scaled_linear";
  double condition_dropout = 0.1;
  double snr_gamma = 0;
  double noise_offset = 0;
  bool gradient_checkpointing = false;
  bool compose_labels = false;
  double label_drop = 0;
  double condition_mixing_alpha = 0;        ///< 0: no mixing
  int64_t lora_rank = 0;                    ///< 0: the whole UNet is trained
  std::optional<double> lora_alpha;         ///< unset: lora_rank
  std::vector<std::string> lora_target = {"to_q", "to_k", "to_v", "to_out.0"};
  int64_t sample_every = 0;
  int64_t sample_count = 8;
  std::vector<std::string> sample_prompt;
  int64_t sample_steps = 25;
  double guidance_scale = 3;
  TrainOptions train;
  RunOptions run;
  ExecutionOptions execution;
  GroupOptions group;
  void visit(Visitor& v) override;
};

/// Trains a conditional diffusion model on labelled images (Ho et al. 2020; Rombach et al. 2022): from random weights
/// with a label table, or from --init; of a Stable Diffusion folder only the UNet is trained, on prompts, and its
/// latents and texts may come from --cached_latents (data_cache_latents.h). Writes generator/, a diffusers folder, and
/// report.html with samples. With lora_rank only a low-rank adapter of --init's UNet is trained (Hu et al. 2022), and the
/// product is pytorch_lora_weights.safetensors, which diffusers' load_lora_weights reads.
ExitCode train_generator(TrainGeneratorConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
