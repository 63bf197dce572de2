#include "defound/tasks/data_cache_latents.h"

namespace defound {

DataCacheLatentsConfig::DataCacheLatentsConfig() { execution.num_workers = 4; }

void DataCacheLatentsConfig::visit(Visitor& v) {
  v.group("Cache");
  v(field("generator", "generator folder whose vae and text encoder are used, for example Stable Diffusion 1.4"), generator);
  v(field("resolution", "side of the images in pixels").range(8, 4096), resolution);
  v(field("crops",
          "1: the center crop and its mirror image, as training from images shows it; more: so many random crops of each image "
          "and their mirror images; 0: the center crop only, no augmentation")
        .range(0, 64),
    crops);
  v(field("crop_jitter", "two or more crops: each cuts off up to this share of the center crop's side").range(0, 0.9),
    crop_jitter);
  v(field("prompt_template", "prompt of rows that have none; repeat for more; {label}: the label, underscores as spaces").whole(),
    prompt_template);
  v(field("latent_type", "number format of the cached latents and texts: fp16, fp32").one_of({"fp16", "fp32"}), latent_type);
  v(field("images_per_shard", "images whose latents go into one file, which is made in one piece").range(1, 65536),
    images_per_shard);
  v(field("batch_size", "crops encoded together, each with its mirror image").range(1, 65536).may_change(), batch_size);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
}

}  // namespace defound
