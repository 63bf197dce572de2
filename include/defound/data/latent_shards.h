#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/data/latent_cache_info.h"

namespace defound {

struct TextShard {
  std::vector<std::string> prompts;
  torch::Tensor hidden_states;   ///< [n, tokens, token_width]
};

/// The files of a latent cache that hold tensors. Each appears whole, and names the cache that it is part of.
class LatentShards {
 public:
  LatentShards(fs::path folder, LatentCacheInfo info);
  const LatentCacheInfo& info() const { return info_; }
  torch::Dtype type() const { return info_.latent_type == "fp16" ? torch::kFloat16 : torch::kFloat32; }
  /// Identifies the cache: its cache.json, and with that its manifest.
  const std::string& id() const { return id_; }
  fs::path file(int64_t shard) const;
  fs::path text_file(int64_t shard) const;

  /// [n, views, 2 channels, height, width]
  void save(int64_t shard, const torch::Tensor& moments) const;
  void save_texts(int64_t shard, std::span<const std::string> prompts, const torch::Tensor& hidden_states) const;

  /// What a file holds, as views of the mapped file. Rejects (exit 2), by file: a missing or damaged one, one of another
  /// cache or another place, another shape or number type. Values are not looked at.
  torch::Tensor load(int64_t shard) const;
  TextShard load_texts(int64_t shard) const;

  /// Removes what killed writers left half written. Needs the folder's lock.
  void remove_leftovers() const;

 private:
  std::vector<int64_t> latent_sizes(int64_t shard) const;
  std::vector<int64_t> text_sizes(int64_t shard) const;
  fs::path folder_;
  LatentCacheInfo info_;
  std::string id_;
};

}  // namespace defound
