#include "defound/data/load_table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "class_order.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/class_folders.h"
#include "defound/data/manifest.h"
#include "defound/data/shard_table.h"

namespace defound {
namespace {

ImageTable read_one(const fs::path& path, const std::string& label_column) {
  std::error_code error;
  const bool is_folder = fs::is_directory(path, error), found = fs::exists(is_folder ? path / "manifest.csv" : path, error);
  if (error) reject("--data {} cannot be read: {}", path.string(), error.message());
  if (is_folder) return found ? read_manifest(path / "manifest.csv", label_column) : read_class_folders(path);
  if (names_shards(path) && (!found || path.extension() == ".tar"))
    return read_shards(match_shards(path.string()), label_column);
  if (!found) reject("--data {} does not exist", path.string());
  if (path.extension() != ".csv")
    reject("--data {} must be a folder of images, a manifest (.csv) or shards (.tar, or a quoted pattern of them)",
           path.string());
  return read_manifest(path, label_column);
}

/// Rows of `more` go behind those of `table`; columns that only one of them has are empty for the other.
void append(ImageTable& table, ImageTable more) {
  for (const auto& column : more.extra_columns)
    if (std::find(table.extra_columns.begin(), table.extra_columns.end(), column) == table.extra_columns.end()) table.extra_columns.push_back(column);
  for (ImageRow& row : table.rows) row.extra.resize(table.extra_columns.size());
  for (ImageRow& row : more.rows) {
    std::vector<std::string> values(table.extra_columns.size());
    for (size_t i = 0; i < more.extra_columns.size(); ++i)
      values[static_cast<size_t>(std::find(table.extra_columns.begin(), table.extra_columns.end(), more.extra_columns[i]) - table.extra_columns.begin())] = row.extra[i];
    row.extra = std::move(values);
    table.rows.push_back(std::move(row));
  }
}

void check_splits(const ImageTable& table) {
  const std::vector<std::string> datasets = datasets_of(table);
  std::unordered_map<std::string, const ImageRow*> by_path;
  std::unordered_map<std::string, std::vector<size_t>> by_patient;  // the first row of each data set
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const ImageRow& row = table.rows[i];
    if (row.split.empty()) continue;
    const ImageRow* same_path = by_path.emplace(row.path.string(), &row).first->second;
    if (same_path->split != row.split)
      reject("{} is in split {} ({}) and in split {} ({}); an image may be in one split only", row.path.string(), same_path->split, same_path->origin, row.split, row.origin);
    auto& namesakes = by_patient[row.patient];
    bool is_new = true;
    for (const size_t j : namesakes) {
      const ImageRow& other = table.rows[j];
      is_new = is_new && datasets[i] != datasets[j];
      if (other.split == row.split || (datasets[i] != datasets[j] && !datasets[i].empty() && !datasets[j].empty())) continue;  // other persons where both say so
      reject("patient {} is in split {} ({}, {}) and in split {} ({}, {}); split by patient (defound-data split), or give different persons different "
             "names, or their data sets in a column dataset",
             row.patient, other.split, other.path.string(), other.origin, row.split, row.path.string(), row.origin);
    }
    if (is_new) namesakes.push_back(i);
  }
}

void warn_about_patients(const ImageTable& table) {
  const auto unknown = std::count_if(table.rows.begin(), table.rows.end(), [](const ImageRow& row) { return !row.patient_known && row.source != "synthetic"; });
  if (unknown > 0)
    log::warn("the patient of {} of {} images is not known; each of them counts as a patient of its own (column patient of manifest.csv)", unknown, table.size());
}

std::string data_text(const DataOptions& options) { return fmt::format("{}", fmt::join(options.data, ", ")); }

}  // namespace

ImageTable load_table(const DataOptions& options, const TableRules& rules) {
  if (options.data.empty()) reject("no images are given: --data FOLDER or --data manifest.csv");
  ImageTable table;
  for (const auto& path : options.data) append(table, read_one(path, options.label_column));
  if (table.rows.empty()) reject("--data {} lists no image", data_text(options));
  check_splits(table);
  set_classes(table, options, rules);
  if (rules.labels_required) {
    const int64_t all = table.size();
    table = filter_rows(table, [](const ImageRow& row) { return row.label >= 0; });
    if (table.size() < all) log::warn("{} of {} images have no label and are left out", all - table.size(), all);
    if (table.classes.size() < 2)
      reject("a classifier needs at least two classes; --data {} has {}", data_text(options), table.classes.empty() ? "no label" : "only '" + table.classes.front() + "'");
  }
  if (!options.split.empty()) table = rows_of_split(table, options.split);
  warn_about_patients(table);
  return table;
}

ImageTable rows_of_split(const ImageTable& table, const std::string& split) {
  if (!has_splits(table)) reject("split {} is asked for, but no image has a split; make one with defound-data split", split);
  ImageTable rows = filter_rows(table, [&](const ImageRow& row) { return row.split == split; });
  if (rows.rows.empty()) {
    std::set<std::string> present;
    for (const ImageRow& row : table.rows)
      if (!row.split.empty()) present.insert(row.split);
    reject("no image is in split {}; there are: {}", split, fmt::join(present, ", "));
  }
  return rows;
}

ImageTable training_rows(const ImageTable& table) { return has_splits(table) ? rows_of_split(table, "train") : table; }

void require_every_class(const ImageTable& table, const std::string& what) {
  const auto counts = class_counts(table);
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] == 0) reject("class '{}' has no image in {}; add some, or leave the class out with --labels", table.classes[i], what);
}

}  // namespace defound
