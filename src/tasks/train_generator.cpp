#include "defound/tasks/train_generator.h"

#include <fmt/ranges.h>

#include <ostream>

#include "defound/data/image_dataset.h"
#include "defound/image/image_io.h"
#include "defound/models/flops.h"
#include "defound/models/sample_images.h"
#include "defound/models/unet_presets.h"
#include "loop_setup.h"
#include "defound/tasks/plan.h"
#include "defound/tasks/training_data.h"
#include "defound/tensor/device.h"
#include "defound/tensor/random_tensor.h"
#include "defound/train/training_report.h"

namespace defound {
namespace {

constexpr int64_t kValidationImages = 256, kSamplesPerLabel = 8, kVaeFactor = 8, kLatentChannels = 4;

/// The UNet of --unet: a preset, or a diffusers config.json.
UNet2DConditionConfig unet_of(const TrainGeneratorConfig& config) {
  if (config.unet.ends_with(".json")) return unet_config_from_json(parse_json(read_text(config.unet, 1 << 20), config.unet), config.unet);
  const bool latent = config.unet == "sd1";
  return unet_preset(config.unet, latent ? config.resolution / kVaeFactor : config.resolution, latent ? kLatentChannels : 3);
}

SchedulerConfig scheduler_of(const TrainGeneratorConfig& config) {
  SchedulerConfig scheduler;
  scheduler.beta_schedule = config.beta_schedule;
  if (config.beta_schedule == "scaled_linear") scheduler.beta_start = 0.00085, scheduler.beta_end = 0.012;  // Stable Diffusion's
  scheduler.prediction_type = config.prediction_type;
  scheduler.clip_sample = config.unet != "sd1";  // pixels lie in -1..1, latents do not
  scheduler.set_alpha_to_one = false;
  scheduler.steps_offset = 1;
  return scheduler;
}

Generator generator_of(const TrainGeneratorConfig& config, const std::vector<std::string>& labels) {
  if (!config.init.empty()) {
    Generator generator = Generator::load(config.init);
    if (generator.labels() != labels) reject("the generator {} knows other labels than the data; choose them with --labels", config.init);
    if (generator.resolution() != config.resolution) reject("the generator {} is for {} px; --resolution is {}", config.init, generator.resolution(), config.resolution);
    return generator;
  }
  const UNet2DConditionConfig unet = unet_of(config);
  if (unet.in_channels != 3) reject("a UNet on latents needs an autoencoder: start from a generator folder with a vae/ by --init");
  LabelTableConfig table;
  table.labels = labels;
  table.cross_attention_dim = unet.cross_attention_dim;
  return Generator::make(unet, table, scheduler_of(config), nullptr, Draws(static_cast<uint64_t>(config.run.seed), "init"));
}

TrainingPlan plan_of_generator(const TrainGeneratorConfig& config, int64_t images) {
  const UNet2DConditionConfig unet = unet_of(config);
  const UNet2DConditionModel model(unet);  // its memory is not touched
  TrainingPlan plan;
  plan.model = fmt::format("UNet {}, {} px", config.unet, config.resolution);
  for (const auto& parameter : model.parameters()) plan.parameters += parameter.numel();
  plan.trained = plan.parameters;
  const bool latent = unet.in_channels == kLatentChannels;
  plan.flops_per_image = 3 * unet_flops(unet, latent ? config.resolution / kVaeFactor : config.resolution, latent ? 77 : LabelTableConfig{}.tokens);
  // the autoencoder's and the text encoder's forward passes at 512 px (Stable Diffusion 1.x), scaled by the area
  if (latent) plan.frozen_flops_per_image = (1117e9 * config.resolution * config.resolution / (512.0 * 512)) + 13.3e9;
  plan.images = images;
  plan.steps = total_steps(config.train, images);
  return plan;
}

/// One generator's training: the model and what the loop asks of it.
class GeneratorTraining {
 public:
  GeneratorTraining(const TrainGeneratorConfig& config, Generator generator, const ImageDataset& held_out, torch::Device device, const RunDir& run)
      : config_(config), generator_(std::move(generator)), schedule_(generator_.scheduler), held_out_(held_out), device_(device), run_(run) {
    if (generator_.vae) generator_.vae->to(device);
  }

  Objective objective() {
    return {.model = *generator_.model,
            .groups = weight_decay_groups(*generator_.model, config_.train.weight_decay),
            .loss = [this](const Batch& batch, const Draws& draws) { return Losses{{"loss", loss(batch, draws, config_.condition_dropout)}}; },
            .validate = [this] { return validate(); },
            .best_metric = "loss",
            .higher_is_better = false,
            .save_product = [this](const TensorMap& weights, bool) { generator_.save(run_ / "generator", weights); }};
  }

  /// PNG: a row of samples for each label, under fixed seeds, of the generator in `folder`.
  std::string sample_grid(const fs::path& folder) const {
    Generator generator = Generator::load(folder);
    generator.to(device_, torch::kFloat);
    SampleOptions options{{"ddim", config_.sample_steps}, {config_.guidance_scale}};
    std::vector<int64_t> labels;
    std::vector<uint64_t> seeds;
    for (int64_t label = 0; label < static_cast<int64_t>(generator.labels().size()); ++label)
      for (int64_t i = 0; i < kSamplesPerLabel; ++i) labels.push_back(label), seeds.push_back(static_cast<uint64_t>(i));
    const torch::Tensor images = sample_images(generator, labels, seeds, options);  // [N, 3, H, W] in 0..1
    std::vector<Image> cells;
    for (int64_t n = 0; n < images.size(0); ++n) cells.push_back(denormalize(images[n], {0, 0, 0}, {1, 1, 1}));
    return encode_png(contact_sheet(cells, kSamplesPerLabel));
  }

 private:
  /// Squared error of the prediction at a random time of each image (Ho et al. 2020, equation 14).
  torch::Tensor loss(const Batch& batch, const Draws& draws, double condition_dropout) {
    const int64_t count = batch.size();
    const auto rows = [&](const torch::Tensor& drawn) { return drawn.to(device_); };
    torch::Tensor latents;
    {
      const torch::NoGradGuard no_grad;
      latents = generator_.encode(batch.images, draws.purpose("latents"), batch.ids).to(torch::kFloat);  // [N, C, h, w]
    }
    torch::Tensor noise = rows(random_normal(draws.purpose("noise"), batch.ids, latents.sizes().slice(1)));
    if (config_.noise_offset > 0) noise = noise + config_.noise_offset * rows(random_normal(draws.purpose("offset"), batch.ids, {latents.size(1), 1, 1}));
    const torch::Tensor timesteps = rows(random_integers(draws.purpose("timestep"), batch.ids, schedule_.num_train_timesteps(), {}));  // [N]
    const torch::Tensor dropped = rows(random_uniform(draws.purpose("condition_dropout"), batch.ids, {})) < condition_dropout;
    const torch::Tensor labels = torch::where(dropped, torch::full_like(batch.labels, -1), batch.labels);
    const torch::Tensor prediction = generator_.model->forward(schedule_.add_noise(latents, noise, timesteps), timesteps, labels).to(torch::kFloat);
    const torch::Tensor errors = (prediction - schedule_.training_target(latents, noise, timesteps)).square().view({count, -1}).mean(1);  // [N]
    if (config_.snr_gamma <= 0) return errors.mean();
    return (errors * schedule_.min_snr_weights(timesteps, config_.snr_gamma)).mean();
  }

  /// The loss on held-out images at fixed times under fixed noise.
  Metrics validate() {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    int64_t seen = 0;
    for_each_batch(held_out_, kValidationImages, 32, [&](const Batch& batch) {
      sum += loss(batch.to(device_), Draws(0, "validation"), 0).item<double>() * static_cast<double>(batch.size());
      seen += batch.size();
    });
    return {{"loss", sum / static_cast<double>(seen)}};
  }

  const TrainGeneratorConfig& config_;
  Generator generator_;
  NoiseSchedule schedule_;
  const ImageDataset& held_out_;
  torch::Device device_;
  const RunDir& run_;
};

}  // namespace

ExitCode train_generator(TrainGeneratorConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  TrainingData data = load_training_data(config.data, LabelUse::kIgnored);
  if (data.train.classes.empty()) data.train.classes = {"image"};
  if (config.execution.dry_run)
    return out << describe_plan(plan_of_generator(config, data.train.size()), config.train, config.execution.precision), ExitCode::kDone;
  total_steps(config.train, data.train.size());  // rejects fewer images than a batch before the run's folder is made
  Generator generator = generator_of(config, data.train.classes);
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  prepare_run(data, run, config.data, config.execution, {config.init});

  const TransformOptions transform = transform_preset("generator", config.resolution);
  const ImageDataset dataset(data.train, transform), held_out(data.val.size() > 0 ? data.val : data.train, transform);
  GeneratorTraining training(config, std::move(generator), held_out, device, run);
  Objective objective = training.objective();
  const ExitCode code = train(objective, dataset, loop_options(config.train, config.run, config.execution, device), run);
  if (code != ExitCode::kDone) return code;
  write_training_report(run, "Generator training",
                        {{fmt::format("Samples, a row for each of: {}", fmt::join(data.train.classes, ", ")), training.sample_grid(run / "generator")}});
  run.finish();
  return code;
}

}  // namespace defound
