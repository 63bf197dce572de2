#include "generator_source.h"

#include <fmt/ranges.h>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/image_dataset.h"
#include "defound/models/component_hash.h"
#include "defound/models/text_condition.h"
#include "group_run.h"

namespace defound {
namespace {

std::unique_ptr<LatentCache> open_cache(const TrainGeneratorConfig& config) {
  if (config.cached_latents.empty()) return nullptr;
  if (config.init.empty()) reject("--cached_latents needs --init: the generator folder that the latents are for");
  if (!config.data.data.empty() || !config.data.split.empty() || !config.data.labels.empty())
    reject("--cached_latents brings its own images, splits and labels; leave --data, --split and --labels out");
  if (config.compose_labels || config.label_drop > 0)
    reject("--compose_labels and --label_drop make new prompts, but those of --cached_latents are encoded already; leave them out");
  auto cache = std::make_unique<LatentCache>(config.cached_latents);
  if (cache->info().resolution != config.resolution)
    reject("{} holds latents of {} px images; --resolution is {}", config.cached_latents, cache->info().resolution,
           config.resolution);
  return cache;
}

/// The cache's rows: first those to train on.
TrainingData data_of(const LatentCache& cache) {
  const auto& rows = cache.table().rows;
  const auto middle = rows.begin() + cache.info().training_images;
  TrainingData data{cache.table(), cache.table()};
  data.train.rows.assign(rows.begin(), middle);
  data.val.rows.assign(middle, rows.end());
  log::info("{} training and {} validation images, {} classes, as cached latents", data.train.size(), data.val.size(),
            data.train.classes.size());
  return data;
}

}  // namespace

GeneratorSource::GeneratorSource(const TrainGeneratorConfig& config) : config_(config), cache_(open_cache(config)) {
  data = cache_ ? data_of(*cache_) : load_training_data(config.data, LabelUse::kIgnored);
}

void GeneratorSource::check_maker(const Generator& generator) const {
  const LatentCacheInfo& info = cache_->info();
  const auto require_same = [&](const std::string& part, const std::string& made_by, const std::string& hash) {
    if (made_by != hash)
      reject("{} was made by another {} than that of {} ({}, not {}); make it anew: defound-data cache-latents --generator {}",
             config_.cached_latents, part, config_.init, made_by.empty() ? "none" : made_by, hash.empty() ? "none" : hash,
             config_.init);
  };
  if (!generator.vae) reject("the generator {} has no vae: it is not trained on latents", config_.init);
  AutoencoderKLConfig vae = generator.vae->config();
  require_same("vae", info.vae, component_hash(*generator.vae, to_json(vae)));
  const auto* text = dynamic_cast<const TextCondition*>(generator.model->condition.get());
  require_same("text encoder", info.text_encoder, text == nullptr ? "" : text->hash());
  if (generator.latent_shape() != std::vector<int64_t>{info.channels, info.height, info.width})
    reject("{} holds latents of [{}, {}, {}]; the UNet of {} takes [{}]", config_.cached_latents, info.channels, info.height,
           info.width, config_.init, fmt::join(generator.latent_shape(), ", "));
  if (text != nullptr && (info.tokens != text->sequence_length() || info.token_width != text->width()))
    reject("{} holds texts of {} tokens of {} numbers; those of {} are {} of {}", config_.cached_latents, info.tokens,
           info.token_width, config_.init, text->sequence_length(), text->width());
}

void GeneratorSource::check_prompts(const TrainingRequests& requests) const {
  const auto require = [&](const std::string& prompt, const std::string& origin) {
    if (!cache_->texts().contains(prompt))
      reject("the prompt '{}' ({}) is not in {}, which was made with --prompt_template '{}'; give that, or make the cache anew",
             prompt, origin, config_.cached_latents, fmt::join(cache_->info().prompt_template, "', '"));
  };
  require("", "of dropped conditions");
  for (const ImageTable* table : {&data.train, &data.val})
    for (const ImageRow& row : table->rows)
      for (const std::string& prompt : requests.possible(row)) require(prompt, row.origin);
}

void GeneratorSource::attach(Generator& generator, torch::Device device, const TrainingRequests& requests) const {
  if (!cache_) {
    if (!generator.vae) return;
    generator.vae->to(device);
    pack_weights(*generator.vae);
    return;
  }
  check_maker(generator);
  if (auto* text = dynamic_cast<TextCondition*>(generator.model->condition.get())) {
    check_prompts(requests);
    text->use_encoded(cache_->texts(), config_.cached_latents);
  }
  generator.leave_frozen_on_disk(config_.init);
}

void GeneratorSource::prepare(Group& group, const RunDir& run) {
  if (!cache_) return prepare_run(group, data, run, config_.data, config_.execution, {config_.init});
  Ancestry ancestry = read_ancestry(config_.cached_latents);
  if (ancestry.image_hashes.empty())
    reject("{} does not tell which images went into it (provenance.json); make the cache anew", config_.cached_latents);
  ancestry.add(read_ancestry(config_.init));
  run.set_ancestry(ancestry);
  run.describe_start({{"latent_cache", cache_->id()}});
  if (cache_->info().crops == 0)
    log::info("augmentation is off: {} holds the center crop of each image only", config_.cached_latents);
}

std::unique_ptr<Dataset> GeneratorSource::set_of(const ImageTable& table, int64_t first) const {
  if (cache_) return std::make_unique<CachedLatents>(*cache_, first, table);
  return std::make_unique<ImageDataset>(table, transform_preset("generator", config_.resolution));
}

std::unique_ptr<Dataset> GeneratorSource::training_set() const { return set_of(data.train, 0); }

std::unique_ptr<Dataset> GeneratorSource::held_out_set() const {
  return data.val.size() > 0 ? set_of(data.val, data.train.size()) : set_of(data.train, 0);
}

torch::Tensor GeneratorSource::latents(Generator& generator, const Batch& batch, const Draws& draws) const {
  const torch::NoGradGuard no_grad;
  if (!cache_) return generator.encode(batch.images, draws, batch.ids).to(torch::kFloat);
  // mean and log variance, [N, C, h, w] each, laid out as the vae makes them, so that the UNet computes the same bits
  const auto halves = batch.images.contiguous(torch::MemoryFormat::ChannelsLast).chunk(2, 1);
  return generator.draw_latents({halves[0], halves[1]}, draws, batch.ids);
}

}  // namespace defound
