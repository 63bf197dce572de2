#include "defound/data/image_table.h"

#include <algorithm>

namespace defound {

std::vector<int64_t> class_counts(const ImageTable& table) {
  std::vector<int64_t> counts(table.classes.size(), 0);
  for (const ImageRow& row : table.rows)
    if (row.label >= 0) ++counts[static_cast<size_t>(row.label)];
  return counts;
}

bool has_splits(const ImageTable& table) {
  return std::any_of(table.rows.begin(), table.rows.end(), [](const ImageRow& row) { return !row.split.empty(); });
}

std::vector<std::string> datasets_of(const ImageTable& table) {
  std::vector<std::string> datasets(table.rows.size());
  const auto column = static_cast<size_t>(std::find(table.extra_columns.begin(), table.extra_columns.end(), "dataset") - table.extra_columns.begin());
  for (size_t i = 0; i < datasets.size(); ++i)
    if (column < table.rows[i].extra.size()) datasets[i] = table.rows[i].extra[column];
  return datasets;
}

}  // namespace defound
