#include "defound/data/check_images.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/data/csv.h"
#include "defound/data/image_files.h"
#include "defound/data/parallel_for.h"

namespace defound {

std::vector<BadImage> check_images(const ImageTable& table, int64_t threads) {
  std::vector<BadImage> bad;
  std::mutex mutex;
  const ImageFiles files;
  Progress progress("Checking images", table.size());
  const auto check = [&](int64_t i) {
    const fs::path& path = table.rows[static_cast<size_t>(i)].path;
    try {
      files.image(path, /*shortest_needed=*/1);
    } catch (const Error& e) {
      const std::lock_guard lock(mutex);
      bad.push_back({i, path, e.what()});
    }
  };
  parallel_for(table.size(), threads, check, [&](int64_t done) { progress.update(done); });
  std::sort(bad.begin(), bad.end(), [](const BadImage& a, const BadImage& b) { return a.row < b.row; });
  return bad;
}

ImageTable without_bad_images(const ImageTable& table, const std::string& policy, int64_t threads, const std::optional<fs::path>& list) {
  const std::vector<BadImage> bad = check_images(table, threads);
  if (bad.empty()) return table;
  const ImageRow& first = table.rows[static_cast<size_t>(bad.front().row)];
  if (policy == "fail") reject("{} ({}); --bad_images skip leaves such files out", bad.front().reason, first.origin);
  if (list) write_bad_files(*list, bad);
  const std::string where = list ? ", listed in " + list->string() : "";
  if (static_cast<int64_t>(bad.size()) * 100 > table.size())
    reject("{} of {} images cannot be read, more than 1 %{}; the first: {} ({})", bad.size(), table.size(), where, bad.front().reason, first.origin);
  log::warn("{} of {} images cannot be read and are left out{}; the first: {}", bad.size(), table.size(), where, bad.front().reason);
  std::unordered_set<const ImageRow*> left_out;
  for (const BadImage& image : bad) left_out.insert(&table.rows[static_cast<size_t>(image.row)]);
  return filter_rows(table, [&](const ImageRow& row) { return left_out.count(&row) == 0; });
}

void write_bad_files(const fs::path& path, const std::vector<BadImage>& bad) {
  std::string text = csv_line({"path", "reason"});
  for (const BadImage& image : bad) text += csv_line({image.path.string(), image.reason});
  write_atomic(path, text);
}

}  // namespace defound
