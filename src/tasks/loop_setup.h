#pragma once
#include <functional>

#include "defound/data/dataset.h"
#include "defound/train/loop.h"

namespace defound {

LoopOptions loop_options(const TrainOptions& train, const RunOptions& run, const ExecutionOptions& execution, torch::Device device);

/// The first `count` samples of a dataset as one batch (fewer when it is smaller), under epoch 0.
Batch first_images(const Dataset& dataset, int64_t count);

/// Calls `work` with batches of the first `most` samples, in order, the last one short; ids are those of epoch 0.
void for_each_batch(const Dataset& dataset, int64_t most, int64_t batch_size, const std::function<void(const Batch&)>& work);

}  // namespace defound
