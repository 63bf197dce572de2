#pragma once
#include <string>
#include <vector>

#include "defound/models/generator.h"
#include "defound/tasks/train_generator.h"
#include "defound/train/training_report.h"

namespace defound {

/// What the rows of a sample grid ask for: --sample_prompt, or else the generator's labels.
struct SampleRows {
  std::vector<std::string> names, requests;
};
SampleRows sample_rows(const TrainGeneratorConfig& config, const Generator& generator);

/// PNG: a row for each request, --sample_count wide, each column from the same noise every time; DDIM. `may_stop` as in SampleOptions.
std::string sample_grid(const TrainGeneratorConfig& config, Generator& generator, const SampleRows& rows, bool may_stop);

/// The grids that were made while training, the last one and some evenly before it.
std::vector<ReportPicture> saved_sample_grids(const RunDir& run);

}  // namespace defound
