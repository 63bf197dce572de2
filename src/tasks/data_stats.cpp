#include "defound/tasks/data_stats.h"

#include <array>
#include <cmath>
#include <mutex>

#include "data_summary.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/data/image_files.h"
#include "defound/data/load_table.h"
#include "defound/data/parallel_for.h"
#include "defound/image/image_header.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

constexpr int64_t kShortestRead = 256;   // larger JPEGs are read smaller

/// Sums over pixels; integers, so that the order of the threads does not matter.
struct ChannelSums {
  std::array<uint64_t, 3> sum{}, squares{};
  uint64_t pixels = 0;
  void add(const Image& image) {
    for (size_t i = 0; i < image.pixels.size(); i += 3)
      for (size_t c = 0; c < 3; ++c) sum[c] += image.pixels[i + c], squares[c] += uint64_t{image.pixels[i + c]} * image.pixels[i + c];
    pixels += image.pixels.size() / 3;
  }
  void add(const ChannelSums& other) {
    for (size_t c = 0; c < 3; ++c) sum[c] += other.sum[c], squares[c] += other.squares[c];
    pixels += other.pixels;
  }
  Json summary() const {
    Json mean = Json::array(), deviation = Json::array();
    for (size_t c = 0; c < 3; ++c) {
      const double m = static_cast<double>(sum[c]) / static_cast<double>(pixels);
      const double variance = static_cast<double>(squares[c]) / static_cast<double>(pixels) - m * m;
      mean.push_back(std::round(m / 255 * 1e5) / 1e5);
      deviation.push_back(std::round(std::sqrt(std::max(0.0, variance)) / 255 * 1e5) / 1e5);
    }
    return {{"mean", mean}, {"std", deviation}};
  }
};

struct Measured {
  ChannelSums channels;
  std::vector<PixelSize> sizes;
  int64_t unreadable = 0;
};

Measured measure(const ImageTable& table, const DataStatsConfig& config) {
  Measured measured;
  std::vector<PixelSize> sizes(table.rows.size());
  std::mutex mutex;
  const ImageFiles files;
  Progress progress("Measuring images", table.size());
  const auto measure_one = [&](int64_t i) {
    const ImageRow& row = table.rows[static_cast<size_t>(i)];
    try {
      std::string storage;
      const std::string_view bytes = files.bytes(row.path, storage);
      const ImageHeader header = read_image_header(bytes, row.path.string());
      ChannelSums sums;
      sums.add(decode_image(bytes, row.path.string(), kShortestRead));
      const std::lock_guard lock(mutex);
      measured.channels.add(sums);
      sizes[static_cast<size_t>(i)] = {header.width, header.height};
    } catch (const Error&) {
      if (config.data.bad_images == "fail") throw;
    }
  };
  parallel_for(table.size(), config.threads, measure_one, [&](int64_t done) { progress.update(done); });
  for (const PixelSize& size : sizes)
    if (size.width > 0) measured.sizes.push_back(size);
  measured.unreadable = table.size() - static_cast<int64_t>(measured.sizes.size());
  return measured;
}

}  // namespace

void DataStatsConfig::visit(Visitor& v) {
  data.visit(v);
  v.group("Statistics");
  v(field("json", "print one JSON object instead of tables"), json);
  v(field("threads", "threads that read; 0: one for each core").range(0, 1024), threads);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

std::string data_stats(DataStatsConfig& config) {
  log::set_level(config.log_level);
  const ImageTable table = load_table(config.data);
  const Measured measured = measure(table, config);
  if (measured.sizes.empty()) reject("none of the {} images can be read; defound-data scan says why", table.size());
  if (measured.unreadable > 0) log::warn("{} of {} images cannot be read; defound-data scan lists them", measured.unreadable, table.size());
  Json report = count_summary(table);
  report["channels"] = measured.channels.summary();
  report["sizes"] = size_summary(measured.sizes);
  report["unreadable"] = measured.unreadable;
  if (config.json) return report.dump(2) + "\n";
  const Json &mean = report["channels"]["mean"], &deviation = report["channels"]["std"];
  const auto three = [](const Json& v) { return fmt::format("{:.4f}  {:.4f}  {:.4f}", v[0].get<double>(), v[1].get<double>(), v[2].get<double>()); };
  return count_text(report) + fmt::format("\nred, green, blue (0..1)\nmean  {}\nstd   {}\n\n", three(mean), three(deviation)) + size_text(report["sizes"]);
}

}  // namespace defound
