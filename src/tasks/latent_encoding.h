#pragma once
#include "defound/data/image_table.h"
#include "defound/data/latent_shards.h"
#include "defound/models/generator.h"

namespace defound {

/// How the views of a cache are made.
struct LatentEncoding {
  Generator& generator;       ///< its vae on `device`; the model is not used
  torch::Device device;
  const ImageTable& table;    ///< every image of the cache
  int64_t batch_size = 1;     ///< crops encoded together, each with its mirror image
  int64_t num_workers = 0;    ///< threads that decode ahead
};

/// The moments of all views of a shard's images [n, views, 2 channels, height, width], on the CPU in the cache's number
/// type; undefined when a signal came. Crop c of image i depends on (seed, c, i) only. Fails (exit 1), naming the image,
/// when the vae makes values that are not finite. `progress` is told how many of the shard's images are finished.
torch::Tensor encode_latent_shard(const LatentShards& shards, int64_t shard, const LatentEncoding& encoding,
                                  const std::function<void(int64_t)>& progress);

}  // namespace defound
