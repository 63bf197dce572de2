#include "defound/tasks/pretrain.h"

#include <ostream>

#include "defound/data/image_dataset.h"
#include "defound/image/image_io.h"
#include "defound/models/flops.h"
#include "defound/models/key_maps.h"
#include "defound/models/mae.h"
#include "defound/nn/patches.h"
#include "group_run.h"
#include "loop_setup.h"
#include "defound/tasks/plan.h"
#include "reconstruction.h"
#include "defound/tasks/training_data.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/device.h"
#include "defound/tensor/random_tensor.h"
#include "defound/tensor/weights_reader.h"
#include "defound/train/training_report.h"

namespace defound {
namespace {

constexpr int64_t kValidationImages = 512, kPictures = 12;

MaeConfig model_config(const PretrainConfig& config) {
  MaeConfig mae = mae_config(config.model);
  mae.img_size = config.input_size;
  if (config.patch_size > 0) mae.patch_size = config.patch_size;
  if (config.depth > 0) mae.depth = config.depth;
  mae.norm_pix_loss = config.norm_pix_loss;
  mae.check();
  return mae;
}

TrainingPlan plan_of(const PretrainConfig& config, const MaeConfig& mae, int64_t images) {
  const MaskedAutoencoder model(mae, torch::kMeta);
  const auto kept = static_cast<int64_t>(static_cast<double>(mae.num_patches()) * (1 - config.mask_ratio));
  const TransformerSize encoder{mae.embed_dim, mae.depth, mae.num_heads, kept + 1, mae.mlp_ratio};
  const TransformerSize decoder{mae.decoder_embed_dim, mae.decoder_depth, mae.decoder_num_heads, mae.num_patches() + 1, mae.mlp_ratio};
  TrainingPlan plan;
  plan.model = fmt::format("{}, {} px, patch {}, {:.0f} % masked", config.model, mae.img_size, mae.patch_size, 100 * config.mask_ratio);
  for (const auto& item : model.named_parameters()) {
    const int64_t count = item.value().numel();
    plan.parameters += count;
    if (item.value().requires_grad()) plan.trained += count;
    plan.saved += item.key().starts_with("decoder") || item.key() == "mask_token" ? count : 2 * count;  // the encoder also by itself
  }
  plan.flops_per_image = 3 * mae_flops(encoder, decoder, mae.patch_size, mae.in_chans);
  plan.activation_bytes_per_image = transformer_activation_bytes(encoder, 4) + transformer_activation_bytes(decoder, 4);
  plan.images = images;
  plan.steps = total_steps(config.train, images);
  return plan;
}

void load_init(MaskedAutoencoder& model, const PretrainConfig& config) {
  const fs::path file = weights_file(config.init, "mae.safetensors");
  load_mae(model, read_weights(file).tensors, file.string(), config.init_decoder == "random");
}

/// Rejects what would end the run at its first step, before its folder is made: the command may then be given again.
void check_start(const PretrainConfig& config, const MaeConfig& mae, int64_t images) {
  if (!config.init.empty()) weights_file(config.init, "mae.safetensors");
  total_steps(config.train, images);                                         // fewer images than a batch
  random_masking(torch::zeros({1, mae.num_patches()}), config.mask_ratio);   // nothing hidden, or all
  if (config.init.empty()) return;
  MaskedAutoencoder model(mae);
  load_init(model, config);
}

/// One pretraining: the model and what the loop asks of it.
class MaePretraining {
 public:
  MaePretraining(const PretrainConfig& config, const MaeConfig& mae, const ImageDataset* held_out, torch::Device device, const RunDir& run,
                 Group& group)
      : config_(config), model_(mae), held_out_(held_out), device_(device), run_(run), group_(group) {
    const Draws draws(static_cast<uint64_t>(config.run.seed), "init");
    model_.init_weights(draws);
    if (!config.init.empty()) load_init(model_, config);
  }

  Objective objective() {
    Objective objective{model_, weight_decay_groups(model_, config_.train.weight_decay), [this](const Batch& batch, const Draws& draws) { return loss(batch, draws); }};
    if (held_out_) objective.validate = [this] { return validate(); };
    objective.save_product = [this](const TensorMap& weights, bool) { save(weights); };
    return objective;
  }

  /// PNG of reconstructions of `dataset`'s first images.
  std::string picture(const ImageDataset& dataset) {
    const Batch batch = first_images(dataset, kPictures).to(device_);
    const torch::Tensor noise = masking_noise(batch, Draws(0, "picture"));
    const Reconstruction reconstruction = reconstruct(model_, batch.images, noise, config_.mask_ratio);
    return encode_png(reconstruction_picture(reconstruction, batch.images, model_.config.patch_size, kImageNetMean, kImageNetStd));
  }

 private:
  torch::Tensor masking_noise(const Batch& batch, const Draws& draws) const {
    return random_uniform(draws.purpose("mask"), batch.ids, {model_.config.num_patches()}).to(device_);  // [N, L]
  }

  Losses loss(const Batch& batch, const Draws& draws) {
    return {{"loss", model_.forward(batch.images, masking_noise(batch, draws), config_.mask_ratio).loss}};
  }

  /// The loss on held-out images under fixed masks, beside the loss of predicting nothing.
  Metrics validate() {
    const torch::NoGradGuard no_grad;
    return mean_over_batches(*held_out_, kValidationImages, 64, group_, {"loss", "loss_of_zero_prediction"}, [&](const Batch& cpu_batch) {
      const Batch batch = cpu_batch.to(device_);
      const MaeOutput output = model_.forward(batch.images, masking_noise(batch, Draws(0, "validation")), config_.mask_ratio);
      const torch::Tensor patches = patchify(batch.images, model_.config.patch_size);
      const torch::Tensor zero = (model_.patch_errors(patches, torch::zeros_like(output.prediction)) * output.mask).sum() / output.mask.sum();
      return std::vector{output.loss.item<double>(), zero.item<double>()};
    });
  }

  void save(const TensorMap& weights) {
    MaeConfig mae = model_.config;
    const std::map<std::string, std::string> metadata = {
        {"format", "pt"}, {"defound.model", "mae"}, {"defound.config", to_json(mae).dump()}, {"defound.input", model_input(config_.input_size).dump()}};
    save_safetensors(run_ / "mae.safetensors", weights, metadata);
    save_safetensors(run_ / "encoder.safetensors", encoder_weights(weights), metadata);
  }

  const PretrainConfig& config_;
  MaskedAutoencoder model_;
  const ImageDataset* held_out_;
  torch::Device device_;
  const RunDir& run_;
  Group& group_;
};

ExitCode pretrain_in(Group& group, PretrainConfig& config, const MaeConfig& mae, TrainingData& data, torch::Device device, const std::string& command) {
  const RunDir run = open_run(group, config.run, config, command);
  if (run.is_done()) return ExitCode::kDone;
  prepare_run(group, data, run, config.data, config.execution, {config.init});
  const auto staged = stage_data(group, data, config.train, config.execution);

  const TransformOptions augment = transform_preset("mae", config.input_size);
  TransformOptions plain = transform_preset("evaluate", config.input_size);
  const ImageDataset dataset(data.train, augment), held_out(data.val, plain), shown(data.train, plain);
  MaePretraining pretraining(config, mae, data.val.rows.empty() ? nullptr : &held_out, device, run, group);
  Objective objective = pretraining.objective();
  const ExitCode code = train(objective, dataset, loop_options(config.train, config.run, config.execution, device, group), run);
  if (code != ExitCode::kDone || !group.is_leader()) return code;
  write_training_report(run, "Masked-autoencoder pretraining",
                        {{"Image, what the encoder sees, prediction, prediction with the visible patches; two images a row",
                          pretraining.picture(data.val.rows.empty() ? shown : held_out)}});
  run.finish();
  return code;
}

}  // namespace

ExitCode pretrain(PretrainConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  const MaeConfig mae = model_config(config);
  TrainingData data = load_training_data(config.data, LabelUse::kIgnored);
  check_start(config, mae, data.train.size());
  if (config.execution.dry_run) return print_plan(out, describe_plan(plan_of(config, mae, data.train.size()), config.train, config.execution.precision, config.run.output));
  return run_together(device, config.group.timeout_seconds, [&](Group& group) { return pretrain_in(group, config, mae, data, device, command); });
}

}  // namespace defound
