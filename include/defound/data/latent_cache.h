#pragma once
#include <unordered_map>

#include "defound/data/dataset.h"
#include "defound/data/image_table.h"
#include "defound/data/latent_shards.h"

namespace defound {

/// A finished folder of cached latents, mapped: nothing of it is in memory until it is used.
class LatentCache {
 public:
  /// Rejects (exit 2), by file, what is no such folder, is not finished, or does not fit together (see LatentShards).
  explicit LatentCache(const fs::path& folder);
  const fs::path& path() const { return path_; }
  const LatentCacheInfo& info() const { return shards_.info(); }
  const std::string& id() const { return shards_.id(); }
  /// The images in the order of their latents, with their labels as places among info().classes.
  const ImageTable& table() const { return table_; }
  /// [tokens, token_width] of each prompt, in the cache's number type.
  const std::unordered_map<std::string, torch::Tensor>& texts() const { return texts_; }
  /// [2 channels, height, width] fp32: mean and log variance of a view. Rejects values that are not finite, by file.
  torch::Tensor moments(int64_t image, int64_t view) const;

 private:
  void read_table();
  void read_texts();
  fs::path path_;
  LatentShards shards_;
  ImageTable table_;
  std::vector<torch::Tensor> moments_;   // by shard
  std::unordered_map<std::string, torch::Tensor> texts_;
};

/// Images `first`, first + 1, ... of a cache as samples whose "image" is the moments of one view. Which one is drawn from
/// draws.stream(id): the crop where there are several, then the flip. So with one crop a sample has the flip that an
/// ImageDataset under the preset "generator" gives it.
class CachedLatents : public Dataset {
 public:
  /// `rows` bring label and prompt: one for each image. The cache must outlive the set.
  CachedLatents(const LatentCache& cache, int64_t first, ImageTable rows)
      : cache_(cache), first_(first), rows_(std::move(rows)) {}
  int64_t size() const override { return rows_.size(); }
  Sample get(int64_t index, const Draws& draws, uint64_t id) const override;

 private:
  const LatentCache& cache_;
  int64_t first_;
  ImageTable rows_;
};

}  // namespace defound
