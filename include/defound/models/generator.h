#pragma once
#include <torch/torch.h>

#include <memory>
#include <optional>
#include <span>

#include "defound/core/files.h"
#include "defound/diffusion/noise_schedule.h"
#include "defound/models/autoencoder_kl.h"
#include "defound/models/condition.h"
#include "defound/models/label_table.h"
#include "defound/models/unet_2d_condition.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// The part of a generator that is trained; names "unet.*" and, with a label table, "condition.*".
class ConditionalUNet : public torch::nn::Module {
 public:
  /// Rejects (exit 2) a condition whose tokens are not as wide as the UNet takes them.
  ConditionalUNet(const UNet2DConditionConfig& unet, std::shared_ptr<Condition> condition);
  /// noisy [N, C, h, w], timesteps [N] or [1], N requests ("": none) -> the prediction, as noisy.
  torch::Tensor forward(const torch::Tensor& noisy, const torch::Tensor& timesteps, std::span<const std::string> requests);

  std::shared_ptr<UNet2DConditionModel> unet;
  std::shared_ptr<Condition> condition;
};

/// A conditional image generator and its folder, which is a diffusers folder:
///   model_index.json
///   unet/config.json, unet/diffusion_pytorch_model.safetensors
///   vae/ (the same two; without it the UNet works on pixels)
///   scheduler/scheduler_config.json
/// and what it is conditioned on, either
///   condition/ (a label table), or
///   text_encoder/, tokenizer/ (Stable Diffusion 1.x: StableDiffusionPipeline loads the folder), labels.json
struct Generator {
  std::shared_ptr<ConditionalUNet> model;
  std::shared_ptr<AutoencoderKL> vae;  ///< null: pixel space; frozen
  SchedulerConfig scheduler;

  /// Reads a folder, ours or of Stable Diffusion 1.x, or the latter's original single file with tokenizer/ beside it;
  /// weights are fp32 on the CPU. Rejects (exit 2) what is missing, surplus or does not fit, by file.
  static Generator load(const fs::path& folder);
  /// Untrained: the UNet and the label table drawn from `draws`.
  static Generator make(const UNet2DConditionConfig& unet, const LabelTableConfig& condition, const SchedulerConfig& scheduler,
                        std::shared_ptr<AutoencoderKL> vae, const Draws& draws);
  /// Writes the folder whole, in the place of an older one. `weights` (names as in `model`, for example averaged ones)
  /// stand in for the model's own. Fails (exit 1) on weights that are not finite.
  void save(const fs::path& folder, const TensorMap& weights = {}) const;

  std::vector<std::string> labels() const { return model->condition->labels(); }
  int64_t resolution() const;                    ///< side of the images in pixels
  std::vector<int64_t> latent_shape() const;     ///< {C, h, w}
  void to(torch::Device device, torch::Dtype dtype);
  /// For one that only draws from now on: layouts that a CPU computes faster with (nn/packed_weight.h).
  void pack_weights();
  /// Gives back the memory of the vae and the text encoder: their weights are views of the files in `folder`, the one that
  /// this was loaded from. They can be saved, not run. Those of a single file stay in memory.
  void leave_frozen_on_disk(const fs::path& folder);

  /// images [N, 3, H, W] in [-1, 1] -> latents [N, C, h, w] of about unit variance. With a vae, row n is drawn from its
  /// Gaussian by (draws, ids[n]); pixels stay as they are.
  torch::Tensor encode(const torch::Tensor& images, const Draws& draws, std::span<const uint64_t> ids);
  /// The two halves of that where there is a vae: its Gaussian, and a row of latents drawn from each of its rows.
  LatentGaussian latent_gaussian(const torch::Tensor& images);
  torch::Tensor draw_latents(const LatentGaussian& gaussian, const Draws& draws, std::span<const uint64_t> ids) const;
  /// latents -> images [N, 3, H, W] fp32 in [0, 1].
  torch::Tensor decode(const torch::Tensor& latents);
};

}  // namespace defound
