#include "defound/tasks/train_generator.h"

#include <fmt/ranges.h>

#include <numeric>
#include <ostream>
#include <set>

#include "defound/image/image_io.h"
#include "defound/image/normalize.h"
#include "defound/models/flops.h"
#include "defound/models/sample_images.h"
#include "defound/models/text_condition.h"
#include "defound/models/unet_presets.h"
#include "defound/tasks/plan.h"
#include "defound/tensor/device.h"
#include "defound/tensor/random_tensor.h"
#include "defound/train/training_report.h"
#include "generator_source.h"
#include "loop_setup.h"

namespace defound {
namespace {

constexpr int64_t kValidationImages = 256, kSamplesPerLabel = 8, kVaeFactor = 8, kLatentChannels = 4;

/// The UNet of --init, or of --unet: a preset, or a diffusers config.json.
UNet2DConditionConfig unet_of(const TrainGeneratorConfig& config) {
  if (const fs::path file = fs::path(config.init) / "unet" / "config.json"; !config.init.empty() && is_there(file))
    return unet_config_from_json(parse_json(read_text(file, 1 << 20), file.string()), file.string());
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

Generator generator_of(const TrainGeneratorConfig& config, std::vector<std::string> labels) {
  if (labels.empty()) labels = {"image"};
  if (!config.init.empty()) {
    Generator generator = Generator::load(config.init);
    if (!generator.model->condition->reads_text() && generator.labels() != labels)
      reject("the generator {} knows other labels than the data; choose them with --labels", config.init);
    if (const int64_t side = generator.resolution(); side != config.resolution)
      reject("the generator {} is for {} px; --resolution is {}", config.init, side, config.resolution);
    return generator;
  }
  const UNet2DConditionConfig unet = unet_of(config);
  if (unet.in_channels != 3) reject("a UNet on latents needs an autoencoder: start from a generator folder with a vae/ by --init");
  LabelTableConfig table;
  table.labels = labels;
  table.cross_attention_dim = unet.cross_attention_dim;
  return Generator::make(unet, table, scheduler_of(config), nullptr, Draws(static_cast<uint64_t>(config.run.seed), "init"));
}

/// What to ask for to get a row: its label; where prompts are read, its own prompt, or the template with its label.
std::string request_of(const ImageRow& row, const std::string& prompt_template, bool reads_text) {
  if (!reads_text) return row.label < 0 ? "" : row.label_name;
  if (!row.prompt.empty()) return row.prompt;
  return row.label < 0 ? "" : prompt_of_label(row.label_name, prompt_template);
}

/// The prompt of each class: that of its rows where they agree, else the template's.
std::vector<LabelPrompt> label_prompts(const ImageTable& table, const std::string& prompt_template) {
  std::vector<LabelPrompt> labels;
  for (size_t i = 0; i < table.classes.size(); ++i) {
    std::set<std::string> prompts;
    for (const ImageRow& row : table.rows)
      if (row.label == static_cast<int64_t>(i)) prompts.insert(request_of(row, prompt_template, true));
    labels.push_back({table.classes[i], prompts.size() == 1 ? *prompts.begin() : prompt_of_label(table.classes[i], prompt_template)});
  }
  return labels;
}

/// Makes each row's prompt what the generator is asked for, and lets a generator that reads text know the labels.
void prepare_requests(TrainingData& data, const TrainGeneratorConfig& config, Condition& condition) {
  if (auto* text = dynamic_cast<TextCondition*>(&condition)) text->set_labels(label_prompts(data.train, config.prompt_template));
  for (ImageTable* table : {&data.train, &data.val})
    for (ImageRow& row : table->rows) row.prompt = request_of(row, config.prompt_template, condition.reads_text());
}

TrainingPlan plan_of_generator(const TrainGeneratorConfig& config, int64_t images) {
  const UNet2DConditionConfig unet = unet_of(config);
  const UNet2DConditionModel model(unet);  // its memory is not touched
  TrainingPlan plan;
  plan.model = fmt::format("UNet {}, {} px", config.init.empty() ? config.unet : config.init, config.resolution);
  for (const auto& parameter : model.parameters()) plan.parameters += parameter.numel();
  plan.trained = plan.parameters;
  const bool latent = unet.in_channels == kLatentChannels;
  const int64_t side = unet.sample_size.value_or(latent ? config.resolution / kVaeFactor : config.resolution);
  plan.flops_per_image = 3 * unet_flops(unet, side, latent ? 77 : LabelTableConfig{}.tokens);
  // the autoencoder's and the text encoder's forward passes at 512 px (Stable Diffusion 1.x), scaled by the area
  if (latent && config.cached_latents.empty()) plan.frozen_flops_per_image = (1117e9 * config.resolution * config.resolution / (512.0 * 512)) + 13.3e9;
  plan.images = images;
  plan.steps = total_steps(config.train, images);
  return plan;
}

/// One generator's training: the model and what the loop asks of it.
class GeneratorTraining {
 public:
  GeneratorTraining(const TrainGeneratorConfig& config, Generator generator, const GeneratorSource& source, torch::Device device, const RunDir& run)
      : config_(config), generator_(std::move(generator)), schedule_(generator_.scheduler), source_(source), held_out_(source.held_out_set()), device_(device), run_(run) {}

  Objective objective() {
    return {.model = *generator_.model,
            .groups = weight_decay_groups(*generator_.model, config_.train.weight_decay),
            .loss = [this](const Batch& batch, const Draws& draws) { return Losses{{"loss", loss(batch, draws, config_.condition_dropout)}}; },
            .validate = [this] { return validate(); },
            .best_metric = "loss",
            .higher_is_better = false,
            .save_product = [this](const TensorMap& weights, bool) { generator_.save(run_ / "generator", weights); }};
  }

  std::vector<std::string> labels() const { return generator_.labels(); }

  /// PNG: a row of samples for each label, under fixed seeds, of the generator in `folder`.
  std::string sample_grid(const fs::path& folder) const {
    Generator generator = Generator::load(folder);
    generator.to(device_, torch::kFloat);
    SampleOptions options{{"ddim", config_.sample_steps}, {config_.guidance_scale}};
    std::vector<std::string> asked;
    for (const std::string& label : generator.labels()) asked.push_back(generator.model->condition->request_for(label));
    if (asked.empty()) asked = {""};
    std::vector<uint64_t> seeds(kSamplesPerLabel);
    std::iota(seeds.begin(), seeds.end(), uint64_t{0});
    std::vector<Image> cells;
    for (const std::string& request : asked) {
      const torch::Tensor images = sample_images(generator, std::vector<std::string>(kSamplesPerLabel, request), seeds, options);  // [N, 3, H, W] in 0..1
      for (int64_t n = 0; n < images.size(0); ++n) cells.push_back(denormalize(images[n], {0, 0, 0}, {1, 1, 1}));
    }
    return encode_png(contact_sheet(cells, kSamplesPerLabel));
  }

 private:
  /// Squared error of the prediction at a random time of each image (Ho et al. 2020, equation 14).
  torch::Tensor loss(const Batch& batch, const Draws& draws, double condition_dropout) {
    const auto rows = [&](const torch::Tensor& drawn) { return drawn.to(device_); };
    const torch::Tensor latents = source_.latents(generator_, batch, draws.purpose("latents"));  // [N, C, h, w]
    torch::Tensor noise = rows(random_normal(draws.purpose("noise"), batch.ids, latents.sizes().slice(1)));
    if (config_.noise_offset > 0) noise = noise + config_.noise_offset * rows(random_normal(draws.purpose("offset"), batch.ids, {latents.size(1), 1, 1}));
    const torch::Tensor timesteps = rows(random_integers(draws.purpose("timestep"), batch.ids, schedule_.num_train_timesteps(), {}));  // [N]
    const auto requests = requests_of(batch, draws.purpose("condition_dropout"), condition_dropout);
    const torch::Tensor prediction = generator_.model->forward(schedule_.add_noise(latents, noise, timesteps), timesteps, requests).to(torch::kFloat);
    const torch::Tensor errors = (prediction - schedule_.training_target(latents, noise, timesteps)).square().flatten(1).mean(1);  // [N]
    if (config_.snr_gamma <= 0) return errors.mean();
    return (errors * schedule_.min_snr_weights(timesteps, config_.snr_gamma)).mean();
  }

  /// What the batch's rows ask for; a share of them, drawn, for nothing.
  static std::vector<std::string> requests_of(const Batch& batch, const Draws& draws, double condition_dropout) {
    std::vector<std::string> requests = batch.prompts;
    const torch::Tensor drawn = random_uniform(draws, batch.ids, {});
    for (size_t n = 0; n < requests.size(); ++n)
      if (drawn[static_cast<int64_t>(n)].item<float>() < static_cast<float>(condition_dropout)) requests[n].clear();
    return requests;
  }

  /// The loss on held-out images at fixed times under fixed noise.
  Metrics validate() {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    int64_t seen = 0;
    for_each_batch(*held_out_, kValidationImages, 32, [&](const Batch& batch) {
      sum += loss(batch.to(device_), Draws(0, "validation"), 0).item<double>() * static_cast<double>(batch.size());
      seen += batch.size();
    });
    return {{"loss", sum / static_cast<double>(seen)}};
  }

  const TrainGeneratorConfig& config_;
  Generator generator_;
  NoiseSchedule schedule_;
  const GeneratorSource& source_;
  std::unique_ptr<Dataset> held_out_;
  torch::Device device_;
  const RunDir& run_;
};

}  // namespace

ExitCode train_generator(TrainGeneratorConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  GeneratorSource source(config);
  if (config.execution.dry_run)
    return out << describe_plan(plan_of_generator(config, source.data.train.size()), config.train, config.execution.precision), ExitCode::kDone;
  total_steps(config.train, source.data.train.size());  // rejects fewer images than a batch before the run's folder is made
  Generator generator = generator_of(config, source.data.train.classes);
  prepare_requests(source.data, config, *generator.model->condition);
  source.attach(generator, device);
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  source.prepare(run);

  const auto dataset = source.training_set();
  GeneratorTraining training(config, std::move(generator), source, device, run);
  Objective objective = training.objective();
  const ExitCode code = train(objective, *dataset, loop_options(config.train, config.run, config.execution, device), run);
  if (code != ExitCode::kDone) return code;
  write_training_report(run, "Generator training",
                        {{fmt::format("Samples, a row for each of: {}", fmt::join(training.labels(), ", ")), training.sample_grid(run / "generator")}});
  run.finish();
  return code;
}

}  // namespace defound
