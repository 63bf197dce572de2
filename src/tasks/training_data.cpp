#include "defound/tasks/training_data.h"

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/check_images.h"
#include "defound/data/data_ancestry.h"
#include "defound/data/load_table.h"

namespace defound {

TrainingData load_training_data(const DataOptions& options, LabelUse labels) {
  const TableRules rules{.labels_required = labels == LabelUse::kRequired};
  const ImageTable table = load_table(options, rules);
  TrainingData data{table, filter_rows(table, [](const ImageRow&) { return false; })};
  if (options.split.empty() && has_splits(table)) {
    data.train = rows_of_split(table, "train");
    data.val = filter_rows(table, [](const ImageRow& row) { return row.split == "val"; });
  }
  if (labels == LabelUse::kRequired) require_every_class(data.train, "the training rows");
  log::info("{} training and {} validation images, {} classes", data.train.size(), data.val.size(), table.classes.size());
  return data;
}

void prepare_run(TrainingData& data, const RunDir& run, const DataOptions& options, const ExecutionOptions& execution,
                 const std::vector<std::string>& ancestors) {
  data.train = without_bad_images(data.train, options.bad_images, execution.threads, run / "bad_files.csv");
  if (data.val.size() > 0) data.val = without_bad_images(data.val, options.bad_images, execution.threads);
  Ancestry ancestry = data_ancestry(data.train, execution.threads);
  ancestry.add(data_ancestry(data.val, execution.threads));
  for (const auto& origin : options.data) ancestry.add(read_ancestry(origin));
  for (const auto& product : ancestors)
    if (!product.empty()) ancestry.add(read_ancestry(product));
  run.set_ancestry(ancestry);
}

}  // namespace defound
