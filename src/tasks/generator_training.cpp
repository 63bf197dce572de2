#include "generator_training.h"

#include "defound/diffusion/condition_mixing.h"
#include "defound/models/merge_lora.h"
#include "defound/tensor/random_tensor.h"
#include "generator_setup.h"
#include "loop_setup.h"
#include "sample_grid.h"

namespace defound {
namespace {

constexpr int64_t kHeldOutImages = 256, kHeldOutBatch = 32;
constexpr const char* kGeneratorFolder = "generator";
constexpr const char* kLoraFile = "pytorch_lora_weights.safetensors";  // the name that diffusers looks for in a folder

/// Takes the condition of a share of the rows away, drawn by id.
void drop_conditions(const Draws& draws, std::span<const uint64_t> ids, double share,
                     const std::vector<std::vector<std::string>*>& requests) {
  const torch::Tensor drawn = random_uniform(draws, ids, {});
  for (size_t n = 0; n < ids.size(); ++n)
    if (drawn[static_cast<int64_t>(n)].item<float>() < static_cast<float>(share))
      for (auto* of_row : requests) (*of_row)[n].clear();
}

}  // namespace

GeneratorTraining::GeneratorTraining(const TrainGeneratorConfig& config, Generator generator, const TrainingRequests& requests,
                                     const GeneratorSource& source, torch::Device device, const RunDir& run,
                                     Group& group)
    : config_(config),
      generator_(std::move(generator)),
      schedule_(generator_.scheduler),
      requests_(requests),
      source_(source),
      held_out_(source.held_out_set()),
      device_(device),
      run_(run),
      group_(group) {}

Objective GeneratorTraining::objective() {
  return {
      .model = *generator_.model,
      .groups = weight_decay_groups(*generator_.model, config_.train.weight_decay),
      .loss = [this](const Batch& batch,
                     const Draws& draws) { return Losses{{"loss", loss(batch, draws, training_condition(batch, draws))}}; },
      .validate = [this] { return validate(); },
      .best_metric = "loss",
      .higher_is_better = false,
      .save_product = [this](const TensorMap& weights, bool) { save(weights); },
      .product_has_frozen = config_.lora_rank == 0,
      .sample = [this] { return Pictures{{"samples", draw_samples()}}; },
      .sample_every = config_.sample_every};
}

void GeneratorTraining::save(const TensorMap& weights) const {
  if (config_.lora_rank == 0) return generator_.save(run_ / kGeneratorFolder, weights);
  const auto* text = dynamic_cast<const TextCondition*>(generator_.model->condition.get());
  save_lora(run_ / kLoraFile, weights, lora_options(config_), text ? text->label_prompts() : std::vector<LabelPrompt>());
}

Generator GeneratorTraining::load_product() const {
  Generator product = Generator::load(config_.lora_rank == 0 ? run_ / kGeneratorFolder : fs::path(config_.init));
  if (config_.lora_rank > 0) merge_lora(product, read_lora(run_ / kLoraFile), 1);
  product.to(device_, torch::kFloat);
  return product;
}

/// PNG of the generator as it stands.
std::string GeneratorTraining::draw_samples() const {
  const SampleRows rows = sample_rows(config_, generator_);
  Generator whole = generator_;
  if (source_.is_cached()) {  // the autoencoder and the text encoder were left on disk: they come back for the picture
    whole = Generator::load(config_.init);
    whole.model->unet = whole.model->replace_module("unet", generator_.model->unet);
    if (!generator_.model->condition->reads_text())   // a label table is trained too
      whole.model->condition = whole.model->replace_module("condition", generator_.model->condition);
    whole.model->condition->to(device_);
    whole.vae->to(device_);
    pack_weights(*whole.vae);  // as the one that training on images keeps
  }
  return sample_grid(config_, whole, rows, /*may_stop=*/false);  // the loop saves first
}

/// Squared error of the prediction at a random time of each image (Ho et al. 2020, equation 14).
torch::Tensor GeneratorTraining::loss(const Batch& batch, const Draws& draws, const torch::Tensor& context) {
  const auto rows = [&](const torch::Tensor& drawn) { return drawn.to(device_); };
  const torch::Tensor latents = source_.latents(generator_, batch, draws.purpose("latents"));  // [N, C, h, w]
  torch::Tensor noise = rows(random_normal(draws.purpose("noise"), batch.ids, latents.sizes().slice(1)));
  if (config_.noise_offset > 0)
    noise = noise + config_.noise_offset * rows(random_normal(draws.purpose("offset"), batch.ids, {latents.size(1), 1, 1}));
  const torch::Tensor timesteps =
      rows(random_integers(draws.purpose("timestep"), batch.ids, schedule_.num_train_timesteps(), {}));  // [N]
  const torch::Tensor prediction =
      at_least_fp32(generator_.model->unet->forward(schedule_.add_noise(latents, noise, timesteps), timesteps, context));
  const torch::Tensor errors =
      (prediction - schedule_.training_target(latents, noise, timesteps)).square().flatten(1).mean(1);  // [N]
  if (config_.snr_gamma <= 0) return errors.mean();
  return (errors * schedule_.min_snr_weights(timesteps, config_.snr_gamma)).mean();
}

/// [N, M, D]: the rows' requests, drawn, mixed with those of other rows where that is asked for, a share of them for nothing.
torch::Tensor GeneratorTraining::training_condition(const Batch& batch, const Draws& draws) {
  const bool mixes = config_.condition_mixing_alpha > 0;
  std::vector<std::string> own = requests_.drawn(batch.ids, draws.purpose("request")), other;
  if (mixes) other = requests_.of_other_rows(batch.ids, draws.purpose("other_row"));
  drop_conditions(draws.purpose("condition_dropout"), batch.ids, config_.condition_dropout,
                  mixes ? std::vector{&own, &other} : std::vector{&own});
  Condition& condition = *generator_.model->condition;
  const torch::Tensor context = condition.encode(own, device_);
  if (!mixes) return context;
  return mix_conditions(context, condition.encode(other, device_),
                        mixing_weights(draws.purpose("condition_mixing"), batch.ids, config_.condition_mixing_alpha));
}

/// The loss on held-out images as their rows stand, at fixed times under fixed noise.
Metrics GeneratorTraining::validate() {
  const torch::NoGradGuard no_grad;
  return mean_over_batches(*held_out_, kHeldOutImages, kHeldOutBatch, group_, {"loss"}, [&](const Batch& batch) {
    const torch::Tensor context = generator_.model->condition->encode(batch.prompts, device_);
    return std::vector{loss(batch.to(device_), Draws(0, "validation"), context).item<double>()};
  });
}

}  // namespace defound
