#pragma once
#include <memory>

#include "defound/data/dataset.h"
#include "defound/data/image_table.h"
#include "defound/image/transform.h"

namespace defound {

/// The images of a table as model inputs. Decoded pixels are kept in memory up to `cache_bytes`, because small images
/// are decoded over and over; what a sample looks like does not depend on the cache. With several `views` (for
/// transforms of preset evaluate) sample row * V + v is the row's image as view v shows it.
class ImageDataset : public Dataset {
 public:
  static constexpr int64_t kCacheBytes = int64_t{1} << 30;
  ImageDataset(ImageTable table, TransformOptions transform, int64_t cache_bytes = kCacheBytes, std::vector<View> views = {{}});
  ~ImageDataset() override;
  int64_t size() const override { return table_.size() * static_cast<int64_t>(views_.size()); }
  /// The row's image under its transform, drawn from draws.stream(id). Rejects an unreadable file by name.
  Sample get(int64_t index, const Draws& draws, uint64_t id) const override;
  const ImageTable& table() const { return table_; }

 private:
  class PixelCache;
  int64_t row_of(int64_t index) const { return index / static_cast<int64_t>(views_.size()); }
  Image transformed(int64_t index, RandomStream& stream) const;
  ImageTable table_;
  TransformOptions transform_;
  std::vector<View> views_;
  std::unique_ptr<PixelCache> cache_;
};

}  // namespace defound
