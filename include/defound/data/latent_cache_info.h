#pragma once
#include <string>
#include <vector>

#include "defound/config/visit.h"
#include "defound/core/files.h"

namespace defound {

/// cache.json of a folder of cached latents (made by defound-data cache-latents), which holds besides:
///   manifest.csv                  the images, in the order of their latents; those to train on first
///   provenance.json, DONE         as in every run folder
///   latents-000000.safetensors    "moments" [n, views, 2 channels, height, width]: of each view of an image the mean, then
///                                 the log variance, of the Gaussian that the vae makes of it
///   text-000000.safetensors       "hidden_states" [n, tokens, token_width]; the metadata hold their prompts
/// A view is a crop and a flip of it: view 2 c + 1 is crop c flipped. Without crops there is one: the center crop.
struct LatentCacheInfo : Config {
  static constexpr int64_t kFormatVersion = 1, kPromptsPerShard = 512;
  int64_t format_version = kFormatVersion;
  std::string vae, text_encoder;                 ///< hashes of what made them; no text_encoder: the generator reads no text
  std::string manifest;                          ///< SHA-256 of manifest.csv
  std::string latent_type = "fp16";              ///< of latents and texts: fp16, fp32
  int64_t resolution = 0, crops = 0, seed = 0;
  double crop_jitter = 0;
  int64_t images = 0, training_images = 0, images_per_shard = 0;
  int64_t channels = 0, height = 0, width = 0;   ///< of the latents
  int64_t prompts = 0, tokens = 0, token_width = 0;
  std::vector<std::string> classes, prompt_template;
  void visit(Visitor& v) override;

  int64_t flips() const { return crops == 0 ? 1 : 2; }
  int64_t views() const { return (crops == 0 ? 1 : crops) * flips(); }
  int64_t shards() const { return (images + images_per_shard - 1) / images_per_shard; }
  int64_t text_shards() const { return (prompts + kPromptsPerShard - 1) / kPromptsPerShard; }
  int64_t first_image(int64_t shard) const { return shard * images_per_shard; }
  int64_t images_in(int64_t shard) const;
  int64_t prompts_in(int64_t shard) const;
  double bytes() const;                          ///< of all shards together

  /// Rejects (exit 2), by file: no cache, a missing or unknown key, values out of range or that contradict each other.
  static LatentCacheInfo read(const fs::path& file);
  std::string text();                            ///< as it stands in the file
};

}  // namespace defound
