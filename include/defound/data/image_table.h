#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "defound/core/files.h"

namespace defound {

/// The values of a split, in the order of --shares.
inline const std::vector<std::string> kSplits{"train", "val", "test"};

/// One image of a data set.
struct ImageRow {
  fs::path path;                    ///< ready to be opened
  std::string origin;               ///< where the row stands, for messages: "manifest.csv:12", or the path
  std::string label_name;           ///< "" when unlabelled
  int64_t label = -1;               ///< index into ImageTable::classes; -1 when unlabelled
  std::string patient;              ///< the path when the patient is not known
  bool patient_known = false;
  std::string split;                ///< train, val, test or ""
  std::string prompt, source;
  std::vector<std::string> extra;   ///< values of ImageTable::extra_columns
};

/// The images of one or more data sets, in a fixed order.
struct ImageTable {
  std::vector<ImageRow> rows;
  std::vector<std::string> classes;         ///< in the order of the model's outputs
  std::vector<std::string> extra_columns;   ///< further columns of the manifests: age, sex, site, ...
  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

/// The same table with only the rows for which `keep` says so.
template <class Keep>
ImageTable filter_rows(const ImageTable& table, Keep keep) {
  ImageTable result{{}, table.classes, table.extra_columns};
  for (const ImageRow& row : table.rows)
    if (keep(row)) result.rows.push_back(row);
  return result;
}

/// Images of each class, in the order of the classes; unlabelled rows are not counted.
std::vector<int64_t> class_counts(const ImageTable& table);
bool has_splits(const ImageTable& table);

/// Whose numbering of patients each row has: the column `dataset`; "" where it is not stated.
std::vector<std::string> datasets_of(const ImageTable& table);

}  // namespace defound
