#include "latent_encoding.h"

#include "defound/core/error.h"
#include "defound/core/stop.h"
#include "defound/data/image_dataset.h"
#include "defound/data/loader.h"

namespace defound {
namespace {

/// The crops of some images of a cache, one after the other.
class CropDataset : public Dataset {
 public:
  CropDataset(const LatentCacheInfo& info, ImageTable rows, int64_t first)
      : images_(std::move(rows), transform_of(info)),
        draws_(static_cast<uint64_t>(info.seed), "crops"),
        first_(first),
        crops_(std::max<int64_t>(1, info.crops)) {}
  int64_t size() const override { return images_.size() * crops_; }
  Sample get(int64_t index, const Draws& /*of the loader's epoch*/, uint64_t /*id*/) const override {
    const int64_t row = index / crops_;
    return images_.get(row, draws_, sample_id(/*epoch=*/index % crops_, first_ + row));
  }

 private:
  static TransformOptions transform_of(const LatentCacheInfo& info) {
    TransformOptions transform = transform_preset("generator", info.resolution);
    transform.flip = false;  // both flips are made of each crop
    transform.crop_jitter = info.crops > 1 ? info.crop_jitter : 0;
    return transform;
  }
  ImageDataset images_;
  Draws draws_;
  int64_t first_, crops_;
};

/// Rejects a slice [n, flips, ...] of a shard's crops with values that are not finite.
void check_encoded(const torch::Tensor& encoded, int64_t first_crop, int64_t crops, int64_t first_image,
                   const ImageTable& table) {
  const torch::Tensor finite = torch::isfinite(encoded).flatten(1).all(1);  // [n]
  if (finite.all().item<bool>()) return;
  const int64_t crop = first_crop + finite.logical_not().nonzero()[0].item<int64_t>();
  fail("the latents of {} are not finite; try --precision fp32, then --latent_type fp32",
       table.rows[static_cast<size_t>(first_image + crop / crops)].path.string());
}

}  // namespace

torch::Tensor encode_latent_shard(const LatentShards& shards, int64_t shard, const LatentEncoding& encoding,
                                  const std::function<void(int64_t)>& progress) {
  const LatentCacheInfo& info = shards.info();
  const int64_t first = info.first_image(shard), count = info.images_in(shard), crops = std::max<int64_t>(1, info.crops);
  ImageTable rows{{}, encoding.table.classes, encoding.table.extra_columns};
  rows.rows.assign(encoding.table.rows.begin() + first, encoding.table.rows.begin() + first + count);
  const CropDataset dataset(info, std::move(rows), first);
  LoaderOptions options{
      .batch_size = encoding.batch_size, .num_workers = encoding.num_workers, .shuffle = false, .drop_last = false};
  options.pin_memory = encoding.device.is_cuda();
  Loader loader(dataset, options);
  torch::Tensor moments =
      torch::empty({count * crops, info.flips(), 2 * info.channels, info.height, info.width}, shards.type());
  for (int64_t done = 0; done < dataset.size();) {
    if (StopSignal::requested()) return {};
    const Batch batch = loader.next().to(encoding.device);
    const torch::Tensor part = moments.slice(0, done, done + batch.size());
    const torch::Tensor images = info.flips() == 1 ? batch.images : torch::cat({batch.images, batch.images.flip(3)});
    const LatentGaussian gaussian = encoding.generator.latent_gaussian(images);
    const torch::Tensor both = torch::cat({gaussian.mean, gaussian.logvar}, 1);  // [flips n, 2 C, h, w]
    part.copy_(both.unflatten(0, {info.flips(), batch.size()}).transpose(0, 1));
    check_encoded(part, done, crops, first, encoding.table);
    done += batch.size();
    progress(done / crops);
  }
  return moments.view({count, info.views(), 2 * info.channels, info.height, info.width});
}

}  // namespace defound
