#include "audit_pictures.h"

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/data/image_dataset.h"
#include "defound/data/image_files.h"
#include "defound/data/loader.h"
#include "defound/eval/memorization/copy_windows.h"

namespace defound {
namespace {

constexpr int64_t kPictureBatch = 64, kLeastDetail = 16, kLookedAt = 64;

/// ITU-R 601 luma of [N, 3, H, W] in 0..1, as 8 bits, at the size of the pictures.
torch::Tensor luma(const torch::Tensor& images) {
  const torch::Tensor weights = torch::tensor({0.299F, 0.587F, 0.114F}).view({1, 3, 1, 1});
  torch::Tensor gray = (images * weights).sum(1, /*keepdim=*/true);
  if (gray.size(2) != kCopySide) gray = at::upsample_bilinear2d(gray, {kCopySide, kCopySide}, /*align_corners=*/false);
  return (gray.squeeze(1) * 255 + 0.5F).clamp(0, 255).to(torch::kByte);
}

}  // namespace

int64_t picture_detail(const ImageTable& table) {
  const ImageFiles files;
  std::vector<int64_t> sides;
  for (int64_t i = 0, count = std::min(table.size(), kLookedAt); i < count; ++i) {
    const Image image = files.image(table.rows[static_cast<size_t>(i * table.size() / count)].path);
    sides.push_back(std::min(image.width, image.height));
  }
  const auto middle = sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2);
  std::nth_element(sides.begin(), middle, sides.end());
  return std::clamp(*middle, kLeastDetail, kCopySide);
}

torch::Tensor gray_pictures(const ImageTable& table, const fs::path& file, int64_t num_workers, int64_t detail) {
  TransformOptions squeeze = transform_preset("evaluate", detail);
  squeeze.mean = {0, 0, 0}, squeeze.std = {1, 1, 1};
  const ImageDataset dataset(table, squeeze, /*cache_bytes=*/0);
  const int64_t count = dataset.size();
  torch::Tensor pictures = torch::from_file(file.string(), /*shared=*/true, count * kCopySide * kCopySide, torch::kByte)
                               .view({count, kCopySide, kCopySide});
  Loader loader(dataset, {.batch_size = kPictureBatch,
                          .num_workers = num_workers,
                          .seed = 0,
                          .shuffle = false,
                          .drop_last = false,
                          .pin_memory = false,
                          .start = {}});
  Progress progress("reading images", count);
  for (int64_t done = 0; done < count;) {
    if (StopSignal::requested())
      throw Error(ExitCode::kSaved,
                  fmt::format("stopped by {} after {} of {} images; run the same command again with --resume auto",
                              StopSignal::name(), done, count));
    const torch::Tensor images = luma(loader.next().images);
    pictures.slice(0, done, done + images.size(0)).copy_(images);
    progress.update(done += images.size(0));
  }
  return pictures;
}

}  // namespace defound
