#pragma once
#include <string>
#include <vector>

#include "defound/config/families.h"
#include "defound/data/image_table.h"
#include "defound/run/run_dir.h"

namespace defound {

enum class LabelUse { kIgnored, kRequired };

/// What a training reads, both with the same classes. `train`: rows of --split, else of split train, else (no row has
/// a split) all. `val`: rows of split val, unless --split names another choice; may be empty.
struct TrainingData {
  ImageTable train, val;
};

/// Rejects (exit 2) what load_table rejects, and with kRequired fewer than two classes or a class without training images.
TrainingData load_training_data(const DataOptions& options, LabelUse labels);

/// Leaves unreadable images out (bad_files.csv in the run folder) and records in the run's provenance which patients
/// and images went into it: those of the data, and those of every product in `ancestors` (empty texts are passed over)
/// and of every data set that was itself made by a run.
void prepare_run(TrainingData& data, const RunDir& run, const DataOptions& options, const ExecutionOptions& execution,
                 const std::vector<std::string>& ancestors);

}  // namespace defound
