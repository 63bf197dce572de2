#pragma once
#include "defound/config/families.h"
#include "defound/data/image_table.h"

namespace defound {

/// What a command asks of its images beside the user's options.
struct TableRules {
  /// Classes of a trained model: the table gets them in this order, and a label outside is rejected.
  std::vector<std::string> classes = {};
  /// A classifier needs labels: rows without one are left out with a warning, fewer than two classes are rejected.
  bool labels_required = false;
};

/// The images of every --data (a manifest, a folder with a manifest.csv, a class folder tree, a pattern of shards), merged in
/// the given order. Class order: rules.classes, else --labels, else classes.json beside the images, else sorted names.
/// --labels leaves only rows of those labels, --split only rows of that split. Rejects (exit 2): nothing given or found, a
/// label without images, a file in two splits, a patient in two splits (naming patient, splits and files; patients of one name
/// are the same person unless a column `dataset` tells them apart). Warns once when no patient is known.
ImageTable load_table(const DataOptions& options, const TableRules& rules = {});

/// The rows of one split; rejects when there are none, saying how to make them.
ImageTable rows_of_split(const ImageTable& table, const std::string& split);

/// The rows to train on: split train when the table has splits, else all.
ImageTable training_rows(const ImageTable& table);

/// Rejects when a class has no image among the rows; `what` names them ("split train").
void require_every_class(const ImageTable& table, const std::string& what);

}  // namespace defound
