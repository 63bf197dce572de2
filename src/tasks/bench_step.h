#pragma once
#include "defound/tasks/bench_timing.h"
#include "defound/train/objective.h"

namespace defound {

/// What one optimizer step of the training loop takes on random images of this size.
struct StepBench {
  int64_t batch = 16, in_chans = 3, img_size = 224, num_classes = 1;
  double learning_rate = 1e-4, adam_beta2 = 0.999;
};

/// Runs the loop's own step (forward, backward, gradient norm, AdamW) and returns the row to print. Processes that were
/// started together make it together, each on `batch` images of its own (weak scaling), and the first returns the row.
Json bench_step(BenchConfig& config, const std::string& name, Objective& objective, const StepBench& bench);

}  // namespace defound
