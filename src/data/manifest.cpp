#include "defound/data/manifest.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "defound/core/error.h"
#include "defound/core/mapped_file.h"
#include "defound/data/csv.h"

namespace defound {
namespace {

const std::vector<std::string> kKnownColumns{"path", "label", "patient", "split", "prompt", "source"};

bool holds(const std::vector<std::string>& values, const std::string& value) { return std::find(values.begin(), values.end(), value) != values.end(); }

std::string near_name(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? "" : fmt::format("; did you mean {}?", near);
}

/// Where each column stands in a record.
class Columns {
 public:
  Columns(const CsvRecord& header, const std::string& origin, const std::string& label_column) : header_(header.fields) {
    for (size_t i = 0; i < header_.size(); ++i)
      if (std::find(header_.begin(), header_.begin() + static_cast<std::ptrdiff_t>(i), header_[i]) != header_.begin() + static_cast<std::ptrdiff_t>(i))
        reject("{}:{}: two columns are named '{}'", origin, header.line, header_[i]);
    if (!holds(header_, "path"))
      reject("{}:{}: there is no column 'path', only {}{}", origin, header.line, fmt::join(header_, ", "),
             header_.size() == 1 && header_[0].find(';') != std::string::npos ? "; separate the fields with commas" : near_name("path", header_));
    if (label_column != "label" && !holds(header_, label_column))
      reject("{}:{}: there is no column '{}' for --label_column{}", origin, header.line, label_column, near_name(label_column, header_));
    for (size_t i = 0; i < header_.size(); ++i)
      if (!holds(kKnownColumns, header_[i])) extra_.push_back(i);
  }
  std::string value(const CsvRecord& record, const std::string& column) const {
    const auto found = std::find(header_.begin(), header_.end(), column);
    return found == header_.end() ? "" : record.fields[static_cast<size_t>(found - header_.begin())];
  }
  std::vector<std::string> extra_names() const { return extra(CsvRecord{0, header_}); }
  std::vector<std::string> extra(const CsvRecord& record) const {
    std::vector<std::string> values;
    for (const size_t i : extra_) values.push_back(record.fields[i]);
    return values;
  }

 private:
  std::vector<std::string> header_;
  std::vector<size_t> extra_;
};

fs::path resolve(const fs::path& folder, const std::string& path) {
  const fs::path given(path);
  return (given.is_absolute() ? given : folder / given).lexically_normal();
}

ImageRow row_of(const CsvRecord& record, const Columns& columns, const fs::path& manifest, const std::string& label_column) {
  ImageRow row;
  row.origin = fmt::format("{}:{}", manifest.string(), record.line);
  const std::string file = columns.value(record, "path");
  if (file.empty()) reject("{}: the path is empty", row.origin);
  row.path = resolve(manifest.parent_path(), file);
  row.label_name = columns.value(record, label_column);
  row.patient = columns.value(record, "patient");
  row.patient_known = !row.patient.empty();
  if (!row.patient_known) row.patient = row.path.string();
  row.split = columns.value(record, "split");
  if (!row.split.empty() && !holds(kSplits, row.split))
    reject("{}: the split is '{}'; it must be train, val or test{}", row.origin, row.split, near_name(row.split, kSplits));
  row.prompt = columns.value(record, "prompt");
  row.source = columns.value(record, "source");
  row.extra = columns.extra(record);
  return row;
}

}  // namespace

std::string manifest_path(const fs::path& image, const fs::path& folder) {
  const fs::path relative = fs::absolute(image).lexically_normal().lexically_relative(fs::absolute(folder).lexically_normal());
  const auto ups = std::count(relative.begin(), relative.end(), fs::path(".."));
  return relative.empty() || ups > 8 ? fs::absolute(image).lexically_normal().string() : relative.generic_string();
}

ImageTable read_manifest(const fs::path& path, const std::string& label_column) {
  const std::string origin = path.string();
  const auto file = MappedFile::open(path);
  std::optional<Columns> columns;
  ImageTable table;
  for_each_record(file->bytes(), origin, [&](CsvRecord&& record) {
    if (!columns) columns.emplace(record, origin, label_column);
    else table.rows.push_back(row_of(record, *columns, path, label_column));
  });
  if (!columns) reject("{} is empty; its first line must name the columns: path,label,patient,split", origin);
  table.extra_columns = columns->extra_names();
  return table;
}

void write_manifest(const fs::path& path, const ImageTable& table) {
  const fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  std::vector<std::string> header = kKnownColumns;
  header.insert(header.end(), table.extra_columns.begin(), table.extra_columns.end());
  std::string text = csv_line(header);
  for (const ImageRow& row : table.rows) {
    std::vector<std::string> fields{manifest_path(row.path, folder), row.label_name, row.patient_known ? row.patient : "", row.split, row.prompt, row.source};
    fields.insert(fields.end(), row.extra.begin(), row.extra.end());
    text += csv_line(fields);
  }
  make_folder(folder);
  write_atomic(path, text);
}

}  // namespace defound
