#include "defound/tasks/data_import.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "data_summary.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/class_folders.h"
#include "defound/data/csv.h"
#include "defound/data/manifest.h"
#include "split_list.h"

namespace defound {

void DataImportConfig::visit(Visitor& v) {
  v.group("Import");
  v(field("train", "list of the training images: a .pkl of DERETFound, [{\"img_root\": path, \"label\": class}, ...]"), train);
  v(field("val", "list of the validation images"), val);
  v(field("test", "list of the test images"), test);
  v(field("list", "list of images without a split; split them with defound-data split"), list);
  v(field("image_root", "folder that the lists' paths begin in"), image_root);
  v(field("suffix", "put behind paths without the ending of an image, such as .png"), suffix);
  v(field("classes", "names of the labels 0, 1, ...; or the order of labels that are texts"), classes);
  v(field("missing", "images that are not there: fail, or skip (listed in missing_files.csv)").one_of({"fail", "skip"}), missing);
  v(field("output", "the manifest to write: a .csv, or a folder for manifest.csv"), output);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

namespace {

constexpr size_t kMostMissingNamed = 5;

std::optional<int64_t> as_index(const std::string& label) {
  int64_t index = 0;
  const auto [end, fault] = std::from_chars(label.data(), label.data() + label.size(), index);
  if (fault != std::errc() || end != label.data() + label.size() || index < 0) return std::nullopt;
  return index;
}

/// The class of a label: its name in --classes by number, or itself.
std::string class_name(const DataImportConfig& config, const std::string& label, const std::string& origin) {
  if (config.classes.empty() || std::find(config.classes.begin(), config.classes.end(), label) != config.classes.end()) return label;
  const auto index = as_index(label);
  if (!index || *index >= static_cast<int64_t>(config.classes.size()))
    reject("{}: the label '{}' is none of the {} classes: {}", origin, label, config.classes.size(), fmt::join(config.classes, ", "));
  return config.classes[static_cast<size_t>(*index)];
}

fs::path image_path(const DataImportConfig& config, const std::string& image) {
  const fs::path path = fs::path(config.image_root) / image;
  return is_image_name(path) ? path : fs::path(path.string() + config.suffix);
}

struct ImportedRows {
  ImageTable table;
  std::vector<CsvRecord> missing;   ///< path, list
};

void add_list(const DataImportConfig& config, const std::string& file, const std::string& split, ImportedRows& rows) {
  if (file.empty()) return;
  const auto entries = read_split_list(file);
  for (size_t i = 0; i < entries.size(); ++i) {
    ImageRow row;
    row.origin = fmt::format("{}, entry {}", file, i);
    row.path = image_path(config, entries[i].image);
    row.label_name = class_name(config, entries[i].label, row.origin);
    row.patient = row.path.string();
    row.split = split;
    if (is_there(row.path)) rows.table.rows.push_back(std::move(row));
    else rows.missing.push_back({0, {row.path.string(), file}});
  }
}

void reject_missing(const DataImportConfig& config, const ImportedRows& rows) {
  std::vector<std::string> named;
  for (size_t i = 0; i < std::min(rows.missing.size(), kMostMissingNamed); ++i) named.push_back(rows.missing[i].fields[0]);
  const bool ending = std::any_of(rows.missing.begin(), rows.missing.end(), [](const CsvRecord& record) { return !is_image_name(record.fields[0]); });
  const std::string text = fmt::format("{} of {} images are not there ({}{})", rows.missing.size(), rows.missing.size() + rows.table.rows.size(), fmt::join(named, ", "),
                                       named.size() < rows.missing.size() ? ", ..." : "");
  if (config.missing != "skip") reject("{}; {}check --image_root, or leave them out with --missing skip", text, ending ? "give the files' ending with --suffix, " : "");
  if (rows.table.rows.empty()) reject("{}; nothing is left", text);
  log::warn("{} and are left out", text);
}

void reject_doubled(const ImageTable& table) {
  std::map<std::string, const ImageRow*> first;
  for (const ImageRow& row : table.rows)
    if (const ImageRow* other = first.emplace(row.path.lexically_normal().string(), &row).first->second; other->split != row.split)
      reject("{} is in two splits: {} and {}", row.path.string(), other->origin, row.origin);
}

/// --classes, else the labels that are there: numbers by value, texts by name.
std::vector<std::string> class_order(const DataImportConfig& config, const ImageTable& table) {
  if (!config.classes.empty()) return config.classes;
  std::set<std::string> present;
  for (const ImageRow& row : table.rows) present.insert(row.label_name);
  std::vector<std::string> names(present.begin(), present.end());
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return as_index(name).has_value(); }))
    std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) { return *as_index(a) < *as_index(b); });
  return names;
}

void number_labels(ImageTable& table) {
  for (ImageRow& row : table.rows) row.label = std::find(table.classes.begin(), table.classes.end(), row.label_name) - table.classes.begin();
}

}  // namespace

std::string data_import(DataImportConfig& config) {
  log::set_level(config.log_level);
  if (config.output.empty()) reject("--output is missing: where the manifest goes");
  if (config.image_root.empty()) reject("--image_root is missing: the folder that the lists' paths begin in");
  if (!fs::is_directory(config.image_root)) reject("--image_root {} is no folder", config.image_root);
  if (config.train.empty() && config.val.empty() && config.test.empty() && config.list.empty())
    reject("no list is given: --train, --val, --test FILE.pkl, or --list FILE.pkl without splits");
  const fs::path output(config.output), manifest = output.extension() == ".csv" ? output : output / "manifest.csv", folder = fs::absolute(manifest).parent_path();
  for (const fs::path& file : {manifest, folder / "classes.json"})
    if (fs::exists(file)) reject("{} exists; it is not overwritten", file.string());

  ImportedRows rows;
  for (const auto& [split, file] : {std::pair("train", config.train), {"val", config.val}, {"test", config.test}, {"", config.list}}) add_list(config, file, split, rows);
  if (!rows.missing.empty()) reject_missing(config, rows);
  if (rows.table.rows.empty()) reject("the lists name no image");
  reject_doubled(rows.table);
  rows.table.classes = class_order(config, rows.table);
  number_labels(rows.table);
  make_folder(folder);
  if (!rows.missing.empty()) {
    std::string text = csv_line({"path", "list"});
    for (const CsvRecord& record : rows.missing) text += csv_line(record.fields);
    write_atomic(folder / "missing_files.csv", text);
  }
  write_atomic(folder / "classes.json", Json(rows.table.classes).dump(2) + "\n");
  write_manifest(manifest, rows.table);
  return count_text(count_summary(rows.table));
}

}  // namespace defound
