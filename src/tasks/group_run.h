#pragma once
#include <iosfwd>
#include <memory>

#include "defound/data/staged_images.h"
#include "defound/dist/group.h"
#include "defound/eval/predictions.h"
#include "defound/tasks/training_data.h"

namespace defound {

struct Dataset;
struct VisionTransformer;

/// Opens a run's folder for a group: the leader holds it, the others may read there. What the leader rejects ends all, and so
/// do options of another recipe in one of them.
RunDir open_run(Group& group, const RunOptions& options, Config& config, const std::string& command);

/// prepare_run by the leader; the others leave out the same images.
void prepare_run(Group& group, TrainingData& data, const RunDir& run, const DataOptions& options, const ExecutionOptions& execution,
                 const std::vector<std::string>& ancestors);

/// What --dry_run says, from the first of the processes that a launcher started.
ExitCode print_plan(std::ostream& out, const std::string& text);

/// With --stage_data, the images of both tables on each machine's own disk, for as long as the result lives; else nothing.
std::unique_ptr<StagedImages> stage_data(Group& group, TrainingData& data, const TrainOptions& train, const ExecutionOptions& execution);

/// Which rows of `before` are left in `after`, a character each; and the leader's choice for another process's table.
std::string kept_rows(const ImageTable& before, const ImageTable& after);
void keep_rows(ImageTable& table, const std::string& kept);

/// predict(), each process on its share of the samples; all get all predictions, in the data set's order.
Predictions predict_together(Group& group, VisionTransformer& model, const Dataset& dataset, int64_t batch_size, torch::Device device,
                             int64_t num_workers = 2);

}  // namespace defound
