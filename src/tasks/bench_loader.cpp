// The counterpart of a torchvision DataLoader: decode, RandomResizedCrop, flip, normalize, batches; nothing is cached.
#include <algorithm>
#include <chrono>

#include "defound/core/log.h"
#include "defound/data/image_dataset.h"
#include "defound/data/image_files.h"
#include "defound/data/load_table.h"
#include "defound/data/loader.h"
#include "defound/tasks/bench_timing.h"

namespace defound {
namespace {

constexpr uint64_t kLargeFile = 200'000;   // bytes: batches of eight, as the yardstick does
constexpr int64_t kLeastImages = 2000;     // a few files are repeated, so that epochs stay long

ImageTable bench_table(const std::string& data) {
  DataOptions options;
  options.data = {data};
  const ImageTable once = load_table(options);
  ImageTable table = once;
  for (int64_t more = kLeastImages / once.size(); more > 1; --more) table.rows.insert(table.rows.end(), once.rows.begin(), once.rows.end());
  return table;
}

}  // namespace

Json bench_loader(BenchLoaderConfig& config) {
  log::set_level("error");
  torch::set_num_threads(1);
  ImageTable table = bench_table(config.data);
  std::string storage;
  const bool large = ImageFiles().bytes(table.rows.front().path, storage).size() > kLargeFile;
  const ImageDataset dataset(std::move(table), transform_preset("mae", config.size), /*cache_bytes=*/0);
  LoaderOptions options;
  options.batch_size = std::min(large ? 8 : config.batch, dataset.size());
  options.num_workers = config.num_workers;
  Loader loader(dataset, options);
  loader.next();  // the threads run
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  int64_t images = 0, batches = 0;
  double elapsed = 0;
  for (; elapsed < config.seconds; ++batches, elapsed = std::chrono::duration<double>(Clock::now() - start).count()) images += loader.next().size();
  Json row = bench_row(config, "defound", images, elapsed);
  row["step_seconds"] = elapsed / static_cast<double>(batches);
  return row;
}

}  // namespace defound
