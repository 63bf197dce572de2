#pragma once
#include <functional>

#include "defound/data/dataset.h"
#include "defound/train/loop.h"

namespace defound {

LoopOptions loop_options(const TrainOptions& train, const RunOptions& run, const ExecutionOptions& execution, torch::Device device, Group& group);

/// The first `count` samples of a dataset as one batch (fewer when it is smaller), under epoch 0.
Batch first_images(const Dataset& dataset, int64_t count);

/// Calls `work` with batches of these samples, in order, the last one short; ids are those of epoch 0.
void for_each_batch(const Dataset& dataset, Share samples, int64_t batch_size, const std::function<void(const Batch&)>& work);

/// The same for this process's share of the first `most` samples. `work` returns the batch's mean of each of `names`; the
/// result are the means over the images of all processes, the same on each.
Metrics mean_over_batches(const Dataset& dataset, int64_t most, int64_t batch_size, Group& group, const std::vector<std::string>& names,
                          const std::function<std::vector<double>(const Batch&)>& work);

}  // namespace defound
