#include "defound/data/latent_cache.h"

#include "defound/core/error.h"
#include "defound/data/load_table.h"

namespace defound {
namespace {

const fs::path& finished_cache(const fs::path& folder) {
  if (!is_there(folder / "cache.json"))
    reject("--cached_latents {}: there is no cache.json; give a folder that defound-data cache-latents made", folder.string());
  if (!is_there(folder / "DONE"))
    reject("--cached_latents {} is not finished; run defound-data cache-latents again with --resume auto", folder.string());
  return folder;
}

}  // namespace

LatentCache::LatentCache(const fs::path& folder)
    : path_(finished_cache(folder)), shards_(folder, LatentCacheInfo::read(folder / "cache.json")) {
  read_table();
  for (int64_t shard = 0; shard < info().shards(); ++shard) moments_.push_back(shards_.load(shard));
  read_texts();
}

void LatentCache::read_table() {
  const fs::path manifest = path_ / "manifest.csv";
  if (sha256_file(manifest) != info().manifest)
    reject("{} was changed since the latents were made; put the old one back, or make the cache anew", manifest.string());
  DataOptions options;
  options.data = {manifest.string()};
  table_ = load_table(options, {.classes = info().classes});
  if (table_.size() != info().images)
    reject("{} lists {} images; cache.json says {}", manifest.string(), table_.size(), info().images);
}

void LatentCache::read_texts() {
  for (int64_t shard = 0; shard < info().text_shards(); ++shard) {
    const TextShard texts = shards_.load_texts(shard);
    for (size_t i = 0; i < texts.prompts.size(); ++i)
      if (!texts_.emplace(texts.prompts[i], texts.hidden_states[static_cast<int64_t>(i)]).second)
        reject("{}: the prompt '{}' stands twice in the cache", shards_.text_file(shard).string(), texts.prompts[i]);
  }
}

torch::Tensor LatentCache::moments(int64_t image, int64_t view) const {
  const int64_t shard = image / info().images_per_shard;
  const torch::Tensor found = moments_[static_cast<size_t>(shard)][image - info().first_image(shard)][view].to(torch::kFloat32);
  if (!torch::isfinite(found).all().item<bool>())
    reject("{}: the latents of image {} are not finite; make the cache anew", shards_.file(shard).string(), image);
  return found;
}

Sample CachedLatents::get(int64_t index, const Draws& draws, uint64_t id) const {
  const LatentCacheInfo& info = cache_.info();
  RandomStream stream = draws.stream(id);
  int64_t view = 0;
  if (info.crops > 1) view = 2 * static_cast<int64_t>(stream.below(static_cast<uint64_t>(info.crops)));
  if (info.crops > 0 && stream.chance(0.5)) ++view;
  const ImageRow& row = rows_.rows[static_cast<size_t>(index)];
  return {cache_.moments(first_ + index, view), row.label, row.prompt};
}

}  // namespace defound
