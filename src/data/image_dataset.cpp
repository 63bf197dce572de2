#include "defound/data/image_dataset.h"

#include <atomic>
#include <optional>

#include "defound/data/image_files.h"
#include "defound/image/image_header.h"
#include "defound/image/image_io.h"

namespace defound {

/// The opened shards, and one slot a row, filled at most once: the image and how much smaller than stored it was decoded.
/// Rows that are asked for at another reduction are decoded again.
class ImageDataset::PixelCache {
 public:
  struct Entry {
    ImageHeader header;
    int64_t reduction = 1;
    Image image;
  };
  const ImageFiles files;
  PixelCache(size_t rows, int64_t most_bytes) : slots_(rows), most_bytes_(most_bytes) {}
  ~PixelCache() {
    for (auto& slot : slots_) delete slot.load();
  }
  const Entry* find(int64_t index) const { return slots_[static_cast<size_t>(index)].load(std::memory_order_acquire); }
  void keep(int64_t index, const ImageHeader& header, int64_t reduction, const Image& image) {
    const auto bytes = static_cast<int64_t>(image.pixels.size() + sizeof(Entry));
    if (find(index) || bytes_.fetch_add(bytes) + bytes > most_bytes_) {
      bytes_ -= find(index) ? bytes : 0;  // once over the limit it stays full
      return;
    }
    const Entry* none = nullptr;
    const Entry* made = new Entry{header, reduction, image};
    if (!slots_[static_cast<size_t>(index)].compare_exchange_strong(none, made, std::memory_order_release)) delete made;
  }

 private:
  std::vector<std::atomic<const Entry*>> slots_;
  std::atomic<int64_t> bytes_{0};
  int64_t most_bytes_;
};

ImageDataset::ImageDataset(ImageTable table, TransformOptions transform, int64_t cache_bytes, std::vector<View> views)
    : table_(std::move(table)), transform_(std::move(transform)), views_(std::move(views)), cache_(std::make_unique<PixelCache>(table_.rows.size(), cache_bytes)) {}

ImageDataset::~ImageDataset() = default;

Image ImageDataset::transformed(int64_t index, RandomStream& stream) const {
  const View& view = views_[static_cast<size_t>(index) % views_.size()];
  const int64_t row = row_of(index);
  const auto plan_for = [&](const ImageHeader& header) { return plan_transform(transform_, header.width, header.height, stream, view); };
  const auto reduction_of = [](const ImageHeader& header, const TransformPlan& plan) {
    return reduction_for(header.format, plan.box.width, plan.box.height, static_cast<double>(plan.width), static_cast<double>(plan.height));
  };
  std::optional<TransformPlan> plan;
  if (const auto* entry = cache_->find(row)) {
    plan = plan_for(entry->header);
    if (reduction_of(entry->header, *plan) == entry->reduction) return apply_transform(entry->image, *plan, entry->reduction);
  }
  const fs::path& path = table_.rows[static_cast<size_t>(row)].path;
  std::string storage;
  const std::string_view bytes = cache_->files.bytes(path, storage);
  const ImageHeader header = read_image_header(bytes, path.string());
  if (!plan) plan = plan_for(header);
  const int64_t reduction = reduction_of(header, *plan);
  const Image image = decode_reduced(bytes, path.string(), reduction);
  cache_->keep(row, header, reduction, image);
  return apply_transform(image, *plan, reduction);
}

Sample ImageDataset::get(int64_t index, const Draws& draws, uint64_t id) const {
  RandomStream stream = draws.stream(id);
  const Image image = transformed(index, stream);
  const ImageRow& row = table_.rows[static_cast<size_t>(row_of(index))];
  return {normalize(image, transform_.mean, transform_.std), row.label, row.prompt};
}

}  // namespace defound
