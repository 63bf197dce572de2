#pragma once
#include "defound/config/families.h"
#include "defound/core/error.h"
#include "defound/data/loader.h"
#include "defound/run/run_dir.h"
#include "defound/train/objective.h"

namespace defound {

struct LoopOptions {
  TrainOptions train;
  uint64_t seed = 0;
  torch::Device device = torch::kCPU;
  torch::Dtype precision = torch::kFloat32;
  int64_t num_workers = 2;
};

/// Trains `objective` on `dataset` until its epochs or steps are over, a signal or the time limit: one loop for every
/// task. Logs metrics.jsonl and progress, validates, keeps checkpoints, resumes bit-exactly from the newest whole one
/// in `run`, saves products through the objective. kDone, or kSaved after a stop.
ExitCode train(Objective& objective, const Dataset& dataset, const LoopOptions& options, const RunDir& run);

/// Optimizer steps that `options` asks for on a dataset of this size.
int64_t total_steps(const TrainOptions& options, int64_t dataset_size);
/// Peak rate: learning_rate, or base_learning_rate x batch_size / 256.
double peak_learning_rate(const TrainOptions& options);

}  // namespace defound
