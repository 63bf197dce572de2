#include "defound/data/shard_table.h"

#include <fmt/ranges.h>
#include <glob.h>

#include <algorithm>
#include <unordered_map>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/data/class_folders.h"
#include "defound/data/shard.h"

namespace defound {
namespace {

constexpr uint64_t kMostDescriptionBytes = 1 << 20;

/// What a sample's members but its images say of it.
using Description = std::vector<std::pair<std::string, std::string>>;

/// The name up to the first dot of its last part, as WebDataset groups members.
std::string sample_key(const std::string& member) {
  const size_t slash = member.rfind('/'), begin = slash == std::string::npos ? 0 : slash + 1;
  return member.substr(0, member.find('.', begin));
}

std::string plain_text(const Json& value, const std::string& origin) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {   // several labels
    std::vector<std::string> parts;
    for (const Json& item : value) parts.push_back(plain_text(item, origin));
    return fmt::format("{}", fmt::join(parts, "|"));
  }
  if (value.is_object())
    reject("{}: expected an object of texts and numbers, found {} in it", origin, value.dump().substr(0, 60));
  return value.dump();
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

/// The images of one shard, each with the fields of its sample; filled by one thread.
class ShardRows {
 public:
  ShardRows(const fs::path& path, const std::string& label_column) : label_column_(label_column), shard_(Shard::open(path)) {
    for (const TarMember& member : shard_->members()) describe(member);
    for (const TarMember& member : shard_->members())
      if (is_image_name(member.name)) add_row(member);
    described_.clear();
    shard_.reset();
  }

  std::vector<ImageRow> rows;
  std::vector<std::string> columns;   ///< of `extra` of its rows

 private:
  void describe(const TarMember& member) {
    const std::string key = sample_key(member.name), extension = member.name.substr(key.size());
    if (extension != ".json" && extension != ".cls" && extension != ".txt") return;
    const std::string origin = shard_address(shard_->path(), member.name).string();
    if (member.size > kMostDescriptionBytes)
      reject("{} has {} bytes; at most {} are read", origin, member.size, kMostDescriptionBytes);
    const std::string text(shard_->content(member));
    Description& fields = described_[key];
    if (extension != ".json") {
      fields.emplace_back(extension == ".cls" ? label_column_ : "prompt", trimmed(text));
      return;
    }
    const Json values = parse_json(text, origin);
    if (!values.is_object()) reject("{}: expected an object of texts and numbers", origin);
    Description read;
    for (const auto& [name, value] : values.items()) read.emplace_back(name, plain_text(value, origin));
    fields.insert(fields.begin(), read.begin(), read.end());   // the first of a name counts
  }

  void add_row(const TarMember& member) {
    ImageRow row;
    row.path = shard_address(shard_->path(), member.name);
    row.origin = row.patient = row.path.string();
    if (const auto found = described_.find(sample_key(member.name)); found != described_.end()) {
      std::vector<std::string> seen;
      for (const auto& [name, value] : found->second) {
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
        seen.push_back(name);
        set_field(row, name, value);
      }
    }
    if (!row.split.empty() && std::find(kSplits.begin(), kSplits.end(), row.split) == kSplits.end())
      reject("{}: the split is '{}'; it must be train, val or test", row.origin, row.split);
    rows.push_back(std::move(row));
  }

  void set_field(ImageRow& row, const std::string& name, const std::string& value) {
    if (name == label_column_) row.label_name = value;
    if (name == label_column_ || name == "label" || name == "path" || name.starts_with("__"))
      return;   // __key__: WebDataset's own
    if (name == "patient") {
      row.patient_known = !value.empty();
      if (row.patient_known) row.patient = value;
    } else if (name == "split") {
      row.split = value;
    } else if (name == "prompt") {
      row.prompt = value;
    } else if (name == "source") {
      row.source = value;
    } else {
      const auto at = static_cast<size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
      if (at == columns.size()) columns.push_back(name);
      if (row.extra.size() <= at) row.extra.resize(at + 1);
      row.extra[at] = value;
    }
  }

  std::string label_column_;
  std::shared_ptr<const Shard> shard_;
  std::unordered_map<std::string, Description> described_;   ///< by key
};

/// The rows go behind the table's, their further columns into the table's.
void append_rows(ImageTable& table, ShardRows&& more) {
  std::vector<size_t> place;
  for (const std::string& column : more.columns) {
    place.push_back(static_cast<size_t>(std::find(table.extra_columns.begin(), table.extra_columns.end(), column) -
                                        table.extra_columns.begin()));
    if (place.back() == table.extra_columns.size()) table.extra_columns.push_back(column);
  }
  for (ImageRow& row : more.rows) {
    std::vector<std::string> values(table.extra_columns.size());
    for (size_t i = 0; i < row.extra.size(); ++i) values[place[i]] = std::move(row.extra[i]);
    row.extra = std::move(values);
    table.rows.push_back(std::move(row));
  }
}

}  // namespace

bool names_shards(const fs::path& data) {
  return data.extension() == ".tar" || data.native().find_first_of("*?[") != std::string::npos;
}

std::vector<fs::path> match_shards(const std::string& pattern) {
  if (std::error_code error; fs::is_regular_file(pattern, error)) return {pattern};
  glob_t found{};
  const int result = glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<fs::path> shards;
  for (size_t i = 0; result == 0 && i < found.gl_pathc; ++i) shards.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (result == GLOB_ABORTED) reject("--data {}: a folder on the way cannot be read", pattern);
  if (shards.empty())
    reject("--data {} matches no file; the pattern of shards may hold *, ? and [...], as in 'shards/*.tar'", pattern);
  for (const fs::path& shard : shards)
    if (shard.extension() != ".tar") reject("--data {} matches {}, which is no shard (.tar)", pattern, shard.string());
  return shards;
}

ImageTable read_shards(const std::vector<fs::path>& shards, const std::string& label_column) {
  ImageTable table;
  for (const fs::path& shard : shards) append_rows(table, ShardRows(shard.lexically_normal(), label_column));
  for (ImageRow& row : table.rows) row.extra.resize(table.extra_columns.size());
  if (table.rows.empty())
    reject("{}{} holds no image (.jpg, .png, .tif, .bmp, .webp)", shards.front().string(),
           shards.size() > 1 ? " and the other shards" : "");
  return table;
}

}  // namespace defound
