#include "defound/tasks/synthesis_generator.h"

#include <charconv>
#include <map>

#include "defound/core/error.h"
#include "defound/core/stopwatch.h"
#include "defound/image/normalize.h"
#include "defound/models/flops.h"
#include "defound/models/merge_lora.h"
#include "defound/models/sample_images.h"
#include "defound/nn/initialize.h"
#include "defound/tasks/synthesize.h"
#include "defound/tensor/device.h"

namespace defound {
namespace {

/// Identifies the generator: all its files but those that only describe it.
std::string hash_generator(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return sha256_file(folder).substr(0, 16);
  std::map<std::string, std::string> hashes;
  for (const char* part : {"unet", "vae", "condition", "text_encoder", "tokenizer", "scheduler"})
    if (is_there(folder / part))
      for (const auto& file : fs::directory_iterator(folder / part))
        if (file.is_regular_file())
          hashes[fmt::format("{}/{}", part, file.path().filename().string())] = sha256_file(file.path());
  std::string text;
  for (const auto& [name, hash] : hashes) text += name + " " + hash + "\n";
  return sha256(text).substr(0, 16);
}

double parse_timestep(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0))
    reject("--guidance_interval: '{}' is no timestep", text);
  return value;
}

SampleOptions sample_options(const SynthesizeConfig& config) {
  SampleOptions options{{config.sampler, config.steps},
                        {.guidance_scale = config.guidance_scale, .guidance_rescale = config.guidance_rescale},
                        config.vae_slicing};
  const auto& interval = config.guidance_interval;
  if (interval.empty()) return options;
  if (interval.size() != 2) reject("--guidance_interval: expected LOW,HIGH, found {} values", interval.size());
  options.guidance.interval_low = parse_timestep(interval[0]), options.guidance.interval_high = parse_timestep(interval[1]);
  if (options.guidance.interval_low > options.guidance.interval_high)
    reject("--guidance_interval: {} is above {}", interval[0], interval[1]);
  return options;
}

/// Merges each adapter into the generator, and lets hash and ancestry tell of it.
void add_adapters(const std::vector<std::string>& adapters, Generator& generator, SynthesisGenerator& source) {
  for (const std::string& item : adapters) {
    const LoraChoice choice = parse_lora_choice(item);
    const LoraAdapter adapter = read_lora(choice.file);
    merge_lora(generator, adapter, choice.scale);
    source.hash = sha256(fmt::format("{} {} {}", source.hash, sha256_file(adapter.file), choice.scale)).substr(0, 16);
    source.ancestry.add(read_ancestry(adapter.file));
  }
}

/// Of the parts that draw an image; a CPU keeps them a second time, packed.
double weight_bytes(const Generator& generator, torch::Device device, torch::Dtype precision) {
  const int64_t values = parameter_count(*generator.model) + (generator.vae ? parameter_count(*generator.vae) : 0);
  return static_cast<double>(values * static_cast<int64_t>(torch::elementSize(precision)) * (device.is_cpu() && precision != torch::kFloat64 ? 2 : 1));
}

/// Samples in batches; [N, 3, H, W] in 0..1 become 8-bit images.
std::vector<Image> draw_images(Generator& generator, std::span<const std::string> requests, std::span<const uint64_t> seeds,
                               const SampleOptions& options) {
  const torch::Tensor samples = sample_images(generator, requests, seeds, options);
  std::vector<Image> images;
  for (int64_t n = 0; n < samples.size(0); ++n)
    images.push_back(torch::isfinite(samples[n]).all().item<bool>() ? denormalize(samples[n], {0, 0, 0}, {1, 1, 1}) : Image());
  return images;
}

}  // namespace

SynthesisGenerator load_synthesis_generator(const SynthesizeConfig& config) {
  if (config.generator.empty()) reject("--generator is missing: the generator folder of a defound-train-generator run");
  const SampleOptions options = sample_options(config);
  const torch::Device device = apply_execution(config.execution);
  const torch::Dtype precision = parse_precision(config.execution.precision);
  const auto generator = std::make_shared<Generator>(Generator::load(config.generator));
  const std::shared_ptr<Condition> condition = generator->model->condition;
  const double call = unet_flops(generator->model->unet->config(), generator->latent_shape()[1], condition->sequence_length());

  SynthesisGenerator source;
  source.name = config.generator;
  source.hash = hash_generator(config.generator);
  source.ancestry = read_ancestry(config.generator);
  add_adapters(config.lora, *generator, source);
  source.labels = condition->labels();
  source.reads_text = condition->reads_text();
  source.request_for = [condition](const std::string& label) { return condition->request_for(label); };
  source.resolution = generator->resolution();
  source.flops_per_image = call * static_cast<double>(config.steps) * (config.guidance_scale == 1 ? 1 : 2);
  source.weight_bytes = weight_bytes(*generator, device, precision);
  const std::shared_ptr<SampleTimes> times = source.times;
  source.draw = [=, is_there_yet = false](std::span<const std::string> requests, std::span<const uint64_t> seeds) mutable {
    if (!std::exchange(is_there_yet, true)) {
      const Stopwatch watch;
      generator->to(device, precision);
      generator->pack_weights();
      times->prepare += watch.seconds();
    }
    SampleOptions counted = options;
    counted.times = times.get();
    return draw_images(*generator, requests, seeds, counted);
  };
  return source;
}

}  // namespace defound
