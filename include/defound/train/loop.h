#pragma once
#include "defound/config/families.h"
#include "defound/core/error.h"
#include "defound/data/loader.h"
#include "defound/dist/group.h"
#include "defound/run/run_dir.h"
#include "defound/train/lr_schedule.h"
#include "defound/train/objective.h"

namespace defound {

struct LoopOptions {
  TrainOptions train;
  uint64_t seed = 0;
  torch::Device device = torch::kCPU;
  torch::Dtype precision = torch::kFloat32;
  int64_t num_workers = 2;
  Group* group = nullptr;      ///< those that train together; none: this process alone
};

/// Trains `objective` on `dataset` until its epochs or steps are over, a signal or the time limit: one loop for every
/// task. Logs metrics.jsonl and progress, validates, keeps checkpoints, resumes bit-exactly from the newest whole one
/// in `run`, saves products through the objective. kDone, or kSaved after a stop (StopSignal or max_seconds), which
/// takes effect between two optimizer steps. Rejects (exit 2) data of another size than the checkpoint's; fails (exit 1)
/// after SkippedSteps::kMostInARow non-finite steps in a row.
/// In a group every process calls it alike, each loads and computes its share of every batch, and only the leader writes.
/// A stop that any of them wants is agreed on, so that all leave after the same step.
ExitCode train(Objective& objective, const Dataset& dataset, const LoopOptions& options, const RunDir& run);

}  // namespace defound
