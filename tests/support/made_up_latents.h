#pragma once
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "defound/data/latent_shards.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// A finished latent cache of 5 images, 4 of them to train on, 2 in a file: 2 crops (4 views) of [2 x 3, 2, 2] moments,
/// all different, and the prompts "" and "retina".
struct MadeUpLatents {
  TempFolder folder;
  LatentCacheInfo info;

  MadeUpLatents() {
    const auto manifest = folder.write("cache/manifest.csv",
                                       "path,label,patient,split,prompt\n0.png,b,p0,train,\n1.png,a,p1,train,\n"
                                       "2.png,b,p2,train,retina\n3.png,,p3,train,\n4.png,a,p4,val,\n");
    info.vae = "0123456789abcdef", info.text_encoder = "fedcba9876543210", info.manifest = sha256_file(manifest);
    info.resolution = 16, info.crops = 2, info.crop_jitter = 0.1;
    info.images = 5, info.training_images = 4, info.images_per_shard = 2;
    info.channels = 3, info.height = info.width = 2;
    info.prompts = 2, info.tokens = 3, info.token_width = 4;
    info.classes = {"b", "a"}, info.prompt_template = {"{label}"};
    write();
  }

  fs::path path() const { return folder / "cache"; }
  static torch::Tensor moments(int64_t image) {  // [views, 2 channels, height, width]
    return torch::arange(4 * 6 * 2 * 2, torch::kFloat32).view({4, 6, 2, 2}) / 8 + static_cast<double>(image * 16);
  }
  static torch::Tensor hidden_states() { return torch::arange(24, torch::kFloat32).view({2, 3, 4}); }

  /// Everything but the manifest, as info says.
  void write() {
    folder.write("cache/cache.json", info.text());
    const LatentShards shards(path(), info);
    for (int64_t shard = 0; shard < info.shards(); ++shard) {
      std::vector<torch::Tensor> rows;
      for (int64_t i = 0; i < info.images_in(shard); ++i) rows.push_back(moments(info.first_image(shard) + i));
      shards.save(shard, torch::stack(rows));
    }
    shards.save_texts(0, std::vector<std::string>{"", "retina"}, hidden_states());
    folder.write("cache/DONE", "");
  }
};

}  // namespace defound::testing
