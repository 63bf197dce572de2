#include "defound/tasks/data_cache_latents.h"

#include <ostream>
#include <set>

#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/data/latent_shards.h"
#include "defound/data/manifest.h"
#include "defound/models/component_hash.h"
#include "defound/models/flops.h"
#include "defound/models/text_condition.h"
#include "defound/run/run_dir.h"
#include "defound/tasks/gpu_hours.h"
#include "defound/tasks/plan.h"
#include "defound/tasks/training_data.h"
#include "defound/tensor/device.h"
#include "latent_encoding.h"

namespace defound {
namespace {

constexpr size_t kPromptsTogether = 32;

/// The generator, fit for a cache; rejects another.
Generator encoder_of(const DataCacheLatentsConfig& config) {
  if (config.generator.empty())
    reject("--generator is missing: the folder whose vae and text encoder are used, for example stable-diffusion-v1-4");
  if (config.crops > 1 && config.crop_jitter == 0)
    reject("--crops {} with --crop_jitter 0: all crops would be the center crop; give --crops 1, or a larger jitter",
           config.crops);
  Generator generator = Generator::load(config.generator);
  if (!generator.vae)
    reject("the generator {} has no vae: it works on pixels, so there are no latents to cache", config.generator);
  if (const int64_t side = generator.resolution(); side != config.resolution)
    reject("the generator {} is for {} px; --resolution is {}", config.generator, side, config.resolution);
  return generator;
}

ImageTable all_rows(const TrainingData& data) {
  ImageTable table = data.train;
  table.rows.insert(table.rows.end(), data.val.rows.begin(), data.val.rows.end());
  return table;
}

/// Every prompt that may be asked for, sorted: those of rows, the templates with the labels, and none.
std::vector<std::string> prompts_of(const ImageTable& table, const std::vector<std::string>& templates) {
  std::set<std::string> prompts = {""};
  for (const ImageRow& row : table.rows) prompts.insert(row.prompt);
  for (const std::string& label : table.classes)
    for (const std::string& prompt_template : templates) prompts.insert(prompt_of_label(label, prompt_template));
  return {prompts.begin(), prompts.end()};
}

LatentCacheInfo info_of(const DataCacheLatentsConfig& config, const Generator& generator, const TrainingData& data,
                        size_t prompts) {
  LatentCacheInfo info;
  info.latent_type = config.latent_type;
  info.resolution = config.resolution, info.crops = config.crops, info.seed = config.run.seed;
  info.crop_jitter = config.crops > 1 ? config.crop_jitter : 0;
  info.images = data.train.size() + data.val.size(), info.training_images = data.train.size();
  info.images_per_shard = config.images_per_shard;
  const auto shape = generator.latent_shape();
  info.channels = shape[0], info.height = shape[1], info.width = shape[2];
  info.classes = data.train.classes;
  if (generator.model->condition->reads_text()) {
    info.prompts = static_cast<int64_t>(prompts);
    info.tokens = generator.model->condition->sequence_length(), info.token_width = generator.model->condition->width();
    info.prompt_template = config.prompt_template;
  }
  return info;
}

std::string describe_cache(const LatentCacheInfo& info, const Generator& generator) {
  const double per_view = autoencoder_encode_flops(generator.vae->config(), info.resolution);
  const double views = static_cast<double>(info.images * info.views());
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"images", fmt::format("{}, {} of them to train on", thousands(info.images), thousands(info.training_images))},
      {"views of each", fmt::format("{}: {}", info.views(),
                                    info.crops == 0   ? "the center crop"
                                    : info.crops == 1 ? "the center crop and its mirror image"
                                                      : fmt::format("{} crops and their mirror images", info.crops))},
      {"prompts", thousands(info.prompts)},
      {"work per view", flops_text(per_view)},
      {"work in all", flops_text(per_view * views) + ", and the prompts"},
      {"files", fmt::format("{} of latents, {} of texts", thousands(info.shards()), thousands(info.text_shards()))},
      {"disk", bytes_text(info.bytes())}};
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<24}{}\n", name, value);
  return text + describe_gpu_hours(per_view * views);
}

/// Writes plan.csv, the manifest to be, and cache.json; rejects a folder whose earlier start meant another cache.
LatentShards plan_cache(const RunDir& run, LatentCacheInfo info, const ImageTable& table, const Generator& generator) {
  const fs::path plan = run / "plan.csv", fresh = run / "plan.new.csv", cache = run / "cache.json";
  write_manifest(fresh, table);
  info.manifest = sha256_file(fresh);
  AutoencoderKLConfig vae = generator.vae->config();
  info.vae = component_hash(*generator.vae, to_json(vae));
  if (const auto* text = dynamic_cast<const TextCondition*>(generator.model->condition.get())) info.text_encoder = text->hash();
  if (is_there(cache) && read_text(cache) != info.text()) {
    fs::remove(fresh);
    reject("{} was begun with another generator or other images; use a fresh --output", run.path().string());
  }
  fs::rename(fresh, plan);
  write_atomic(cache, info.text());
  return LatentShards(run.path(), info);
}

/// Whether the file is there and whole; a damaged one is named and made again.
bool is_made(const fs::path& file, const std::function<void()>& load) {
  if (!is_there(file)) return false;
  try {
    load();
    return true;
  } catch (const Error& e) {
    log::warn("made again: {}", e.what());
    return false;
  }
}

/// False when a signal stopped it.
bool cache_texts(const LatentShards& shards, Condition& condition, const std::vector<std::string>& prompts,
                 torch::Device device) {
  const LatentCacheInfo& info = shards.info();
  Progress progress("encoding", info.prompts, 0, "prompts");
  for (int64_t shard = 0; shard < info.text_shards(); ++shard) {
    const std::span<const std::string> part(prompts.data() + shard * LatentCacheInfo::kPromptsPerShard,
                                            static_cast<size_t>(info.prompts_in(shard)));
    if (is_made(shards.text_file(shard), [&] { shards.load_texts(shard); })) continue;
    std::vector<torch::Tensor> rows;
    for (size_t begin = 0; begin < part.size(); begin += kPromptsTogether) {
      if (StopSignal::requested()) return false;
      rows.push_back(condition.encode(part.subspan(begin, std::min(kPromptsTogether, part.size() - begin)), device)
                         .to(torch::kCPU, shards.type()));
      progress.update(shard * LatentCacheInfo::kPromptsPerShard + static_cast<int64_t>(begin));
    }
    const torch::Tensor hidden_states = torch::cat(rows);  // [n, M, D]
    if (!torch::isfinite(hidden_states).all().item<bool>())
      fail("the text encoder makes values that are not finite; try --latent_type fp32");
    shards.save_texts(shard, part, hidden_states);
  }
  return true;
}

/// False when a signal stopped it.
bool cache_images(const LatentShards& shards, const LatentEncoding& encoding) {
  const LatentCacheInfo& info = shards.info();
  std::vector<int64_t> missing;
  int64_t done = info.images;
  for (int64_t shard = 0; shard < info.shards(); ++shard) {
    if (is_made(shards.file(shard), [&] { shards.load(shard); })) continue;
    missing.push_back(shard);
    done -= info.images_in(shard);
  }
  log::info("{} of {} files of latents are to be made", missing.size(), info.shards());
  Progress progress("encoding", info.images, done);
  for (const int64_t shard : missing) {
    const torch::Tensor moments =
        encode_latent_shard(shards, shard, encoding, [&](int64_t images) { progress.update(done + images); });
    if (!moments.defined()) return false;
    shards.save(shard, moments);
    done += info.images_in(shard);
  }
  return true;
}

}  // namespace

ExitCode data_cache_latents(DataCacheLatentsConfig& config, const std::string& command, std::ostream& out) {
  const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: leave; the files that are whole stay
  const torch::Device device = apply_execution(config.execution);
  TrainingData data = load_training_data(config.data, LabelUse::kIgnored);
  Generator generator = encoder_of(config);
  if (config.execution.dry_run) {
    const size_t prompts = prompts_of(all_rows(data), config.prompt_template).size();
    out << describe_cache(info_of(config, generator, data, prompts), generator);
    return ExitCode::kDone;
  }
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  prepare_run(data, run, config.data, config.execution, {});
  const ImageTable table = all_rows(data);
  const std::vector<std::string> prompts = prompts_of(table, config.prompt_template);
  const LatentShards shards = plan_cache(run, info_of(config, generator, data, prompts.size()), table, generator);
  shards.remove_leftovers();

  const std::shared_ptr<Condition> condition = generator.model->condition;
  generator.model.reset();  // the UNet's memory
  generator.vae->to(device, parse_precision(config.execution.precision));
  pack_weights(*generator.vae);
  if (!cache_texts(shards, *condition, prompts, device) ||
      !cache_images(shards, {generator, device, table, config.batch_size, config.execution.num_workers})) {
    log::warn("stopped by {}; the same command with --resume auto makes the rest", StopSignal::name());
    return ExitCode::kSaved;
  }
  fs::rename(run / "plan.csv", run / "manifest.csv");
  run.finish();
  return ExitCode::kDone;
}

}  // namespace defound
