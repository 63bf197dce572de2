#include "class_order.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {
namespace {

using Names = std::vector<std::string>;

std::string hint(const std::string& word, const Names& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? fmt::format("; there are: {}", fmt::join(candidates, ", ")) : fmt::format("; did you mean '{}'?", near);
}

Names read_classes(const fs::path& path) {
  const Json json = parse_json(read_text(path, 1 << 20), path.string());
  Names names;
  if (!json.is_array()) reject("{} must hold a list of class names", path.string());
  for (const Json& name : json) {
    if (!name.is_string() || name.get<std::string>().empty()) reject("{} must hold a list of class names; found {}", path.string(), name.dump());
    names.push_back(name.get<std::string>());
  }
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) reject("{} names a class twice", path.string());
  return names;
}

/// The order in the classes.json of the data sets; empty when none has one.
Names given_order(const DataOptions& options) {
  Names order;
  fs::path from;
  for (const fs::path path : options.data) {
    const fs::path file = (fs::is_directory(path) ? path : path.parent_path()) / "classes.json";
    if (!fs::exists(file)) continue;
    const Names names = read_classes(file);
    if (!order.empty() && names != order) reject("{} and {} give different class orders; choose with --labels", from.string(), file.string());
    order = names, from = file;
  }
  return order;
}

Names present_labels(const ImageTable& table) {
  std::set<std::string> names;
  for (const ImageRow& row : table.rows)
    if (!row.label_name.empty()) names.insert(row.label_name);
  return {names.begin(), names.end()};
}

}  // namespace

void set_classes(ImageTable& table, const DataOptions& options, const TableRules& rules) {
  const Names present = present_labels(table);
  for (auto label = options.labels.begin(); label != options.labels.end(); ++label) {
    if (std::find(present.begin(), present.end(), *label) == present.end()) reject("no image has the label '{}' of --labels{}", *label, hint(*label, present));
    if (std::find(options.labels.begin(), label, *label) != label) reject("--labels names '{}' twice", *label);
  }
  if (!options.labels.empty())
    table = filter_rows(table, [&](const ImageRow& row) { return std::find(options.labels.begin(), options.labels.end(), row.label_name) != options.labels.end(); });

  table.classes = !rules.classes.empty() ? rules.classes : !options.labels.empty() ? options.labels : given_order(options);
  if (table.classes.empty()) table.classes = present;
  std::unordered_map<std::string, int64_t> index;
  for (size_t i = 0; i < table.classes.size(); ++i) index.emplace(table.classes[i], static_cast<int64_t>(i));
  for (ImageRow& row : table.rows) {
    if (row.label_name.empty()) continue;
    const auto found = index.find(row.label_name);
    if (found == index.end())
      reject("{}: the label '{}' is none of the {}{}", row.origin, row.label_name, rules.classes.empty() ? "classes of classes.json" : "model's classes", hint(row.label_name, table.classes));
    row.label = found->second;
  }
}

}  // namespace defound
