#include "defound/tasks/data_scan.h"

#include <fmt/ranges.h>

#include <map>
#include <set>
#include <unordered_set>

#include "data_summary.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/data/check_images.h"
#include "defound/data/image_files.h"
#include "defound/data/load_table.h"
#include "defound/data/manifest.h"
#include "defound/data/parallel_for.h"
#include "defound/image/image_header.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

/// What one pass over the files finds; rows that cannot be read have a reason and nothing else.
struct Findings {
  std::vector<PixelSize> sizes;
  std::vector<std::string> hashes, reasons;
};

Findings open_all(const ImageTable& table, int64_t threads) {
  const auto n = table.rows.size();
  Findings found{std::vector<PixelSize>(n), std::vector<std::string>(n), std::vector<std::string>(n)};
  const ImageFiles files;
  Progress progress("Scanning images", table.size());
  const auto open_one = [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    const std::string path = table.rows[at].path.string();
    try {
      std::string storage;
      const std::string_view bytes = files.bytes(table.rows[at].path, storage);
      decode_image(bytes, path, /*shortest_needed=*/1);
      const ImageHeader header = read_image_header(bytes, path);
      found.sizes[at] = {header.width, header.height};
      found.hashes[at] = sha256(bytes);
    } catch (const Error& e) {
      found.reasons[at] = e.what();
    }
  };
  parallel_for(table.size(), threads, open_one, [&](int64_t done) { progress.update(done); });
  return found;
}

/// Groups of rows with the same bytes: [{"files": [...], "splits": n, "labels": n}].
Json duplicate_groups(const ImageTable& table, const std::vector<std::string>& hashes) {
  std::map<std::string, std::vector<size_t>> rows_of;
  for (size_t i = 0; i < hashes.size(); ++i)
    if (!hashes[i].empty()) rows_of[hashes[i]].push_back(i);
  std::map<size_t, Json> by_first_row;
  for (const auto& [hash, rows] : rows_of) {
    if (rows.size() < 2) continue;
    std::set<std::string> splits, labels;
    Json files = Json::array();
    for (const size_t i : rows) {
      files.push_back(table.rows[i].path.string());
      splits.insert(table.rows[i].split), labels.insert(table.rows[i].label_name);
    }
    by_first_row[rows.front()] = {{"files", files}, {"splits", splits.size()}, {"labels", labels.size()}};
  }
  Json groups = Json::array();
  for (const auto& [row, group] : by_first_row) groups.push_back(group);
  return groups;
}

std::string as_text(const Json& report) {
  std::string text = count_text(report) + "\n" + size_text(report["sizes"]);
  const Json &bad = report["unreadable"], &groups = report["duplicates"];
  text += fmt::format("\n{} unreadable\n", bad.size());
  for (size_t i = 0; i < bad.size() && i < 10; ++i) text += "  " + bad[i]["reason"].get<std::string>() + "\n";
  int64_t across_splits = 0, across_labels = 0;
  for (const Json& group : groups) across_splits += group["splits"] > 1, across_labels += group["labels"] > 1;
  text += fmt::format("{} groups of duplicates (same bytes), {} of them in more than one split, {} under more than one label\n", groups.size(), across_splits, across_labels);
  for (size_t i = 0; i < groups.size() && i < 10; ++i) text += fmt::format("  {}\n", fmt::join(groups[i]["files"].get<std::vector<std::string>>(), " = "));
  if (bad.size() > 10 || groups.size() > 10) text += "  ... (all with --json)\n";
  return text;
}

/// Where the manifest goes; one that exists may be the very input.
fs::path scan_manifest(const fs::path& output) {
  const fs::path manifest = output.extension() == ".csv" ? output : output / "manifest.csv";
  if (is_there(manifest)) reject("{} exists; it is not overwritten", manifest.string());
  return manifest;
}

/// A manifest beside which bad_files.csv lists what it leaves out.
void write_readable(const fs::path& manifest, const ImageTable& table, const std::vector<BadImage>& bad) {
  std::unordered_set<const ImageRow*> left_out;
  for (const BadImage& image : bad) left_out.insert(&table.rows[static_cast<size_t>(image.row)]);
  write_manifest(manifest, filter_rows(table, [&](const ImageRow& row) { return left_out.count(&row) == 0; }));
  if (!bad.empty()) write_bad_files(manifest.parent_path() / "bad_files.csv", bad);
}

}  // namespace

void DataScanConfig::visit(Visitor& v) {
  data.visit(v);
  v.group("Scan");
  v(field("output", "write a manifest of the readable images: a .csv, or a folder for manifest.csv"), output);
  v(field("json", "print one JSON object instead of tables"), json);
  v(field("threads", "threads that read; 0: one for each core").range(0, 1024), threads);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

std::string data_scan(DataScanConfig& config) {
  log::set_level(config.log_level);
  const fs::path manifest = config.output.empty() ? fs::path() : scan_manifest(config.output);
  const ImageTable table = load_table(config.data);
  const Findings found = open_all(table, config.threads);
  std::vector<BadImage> bad;
  std::vector<PixelSize> sizes;
  Json unreadable = Json::array();
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (found.reasons[i].empty()) {
      sizes.push_back(found.sizes[i]);
      continue;
    }
    if (config.data.bad_images == "fail") reject("{} ({})", found.reasons[i], table.rows[i].origin);
    bad.push_back({static_cast<int64_t>(i), table.rows[i].path, found.reasons[i]});
    unreadable.push_back({{"path", table.rows[i].path.string()}, {"reason", found.reasons[i]}});
  }
  Json report = count_summary(table);
  report["sizes"] = size_summary(sizes);
  report["unreadable"] = unreadable;
  report["duplicates"] = duplicate_groups(table, found.hashes);
  if (!config.output.empty()) write_readable(manifest, table, bad);
  return config.json ? report.dump(2) + "\n" : as_text(report);
}

}  // namespace defound
