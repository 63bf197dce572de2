#include "defound/data/latent_cache_info.h"

#include <algorithm>

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {

// The ranges keep every product of these numbers far below 2^63.
void LatentCacheInfo::visit(Visitor& v) {
  v(field("format_version", "version of the files' format").range(kFormatVersion, kFormatVersion), format_version);
  v(field("vae", "hash of the autoencoder"), vae);
  v(field("text_encoder", "hash of the text encoder"), text_encoder);
  v(field("manifest", "SHA-256 of manifest.csv"), manifest);
  v(field("latent_type", "number format of latents and texts").one_of({"fp16", "fp32"}), latent_type);
  v(field("resolution", "side of the images in pixels").range(1, 1 << 16), resolution);
  v(field("crops", "crops of each image, with both flips; 0: the center crop without").range(0, 64), crops);
  v(field("crop_jitter", "a crop cuts off up to this share of the side").range(0, 1), crop_jitter);
  v(field("seed", "of the crops").range(0, 9.0e18), seed);
  v(field("images", "images in all").range(1, 1 << 30), images);
  v(field("training_images", "images to train on: the first so many").range(1, 1 << 30), training_images);
  v(field("images_per_shard", "images in a file").range(1, 1 << 16), images_per_shard);
  v(field("channels", "of the latents").range(1, 256), channels);
  v(field("height", "of the latents").range(1, 4096), height);
  v(field("width", "of the latents").range(1, 4096), width);
  v(field("prompts", "distinct prompts").range(0, 1 << 30), prompts);
  v(field("tokens", "of a prompt").range(0, 1 << 16), tokens);
  v(field("token_width", "numbers of a token").range(0, 1 << 16), token_width);
  v(field("classes", "labels in their order"), classes);
  v(field("prompt_template", "prompts of rows that have none"), prompt_template);
}

int64_t LatentCacheInfo::images_in(int64_t shard) const { return std::min(images - first_image(shard), images_per_shard); }

int64_t LatentCacheInfo::prompts_in(int64_t shard) const {
  return std::min(prompts - shard * kPromptsPerShard, kPromptsPerShard);
}

double LatentCacheInfo::bytes() const {
  const double latents = static_cast<double>(images * views()) * static_cast<double>(2 * channels * height * width);
  return (latents + static_cast<double>(prompts) * static_cast<double>(tokens * token_width)) * (latent_type == "fp16" ? 2 : 4);
}

LatentCacheInfo LatentCacheInfo::read(const fs::path& file) {
  if (!is_there(file)) reject("{} does not exist; give a folder that defound-data cache-latents made", file.string());
  const Json values = parse_json(read_text(file, 1 << 26), file.string());
  LatentCacheInfo info;
  from_json(info, values, file.string());
  const Json known = to_json(info);
  for (const auto& [key, value] : known.items())
    if (!values.contains(key)) reject("{}: \"{}\" is missing", file.string(), key);
  try {
    check_ranges(info);
  } catch (const Error& e) {
    reject("{}: {}", file.string(), e.what());
  }
  if (info.training_images > info.images)
    reject("{}: {} training_images of {} images", file.string(), info.training_images, info.images);
  if (info.prompts > 0 && (info.tokens < 1 || info.token_width < 1))
    reject("{}: {} prompts without tokens", file.string(), info.prompts);
  return info;
}

std::string LatentCacheInfo::text() { return to_json(*this).dump(2) + "\n"; }

}  // namespace defound
