#pragma once
#include <cstdint>

#include "defound/config/families.h"

namespace defound {

/// Learning rate as a pure function of the step: linear warm-up from 0, then half a cosine down to `minimum` (or the
/// peak for ever). Set per step at the fractional epoch, as MAE's util/lr_sched.py adjust_learning_rate does.
struct LrSchedule {
  double peak = 0;
  double minimum = 0;         ///< reached after the last step; the warm-up starts from 0 all the same
  double warmup_steps = 0;    ///< may be a fraction
  double total_steps = 1;
  bool cosine = true;
  /// Rate of optimizer step `step` (the first is 0).
  double at(int64_t step) const;
};

/// The schedule of `options`, epochs turned into steps for a data set of this size.
LrSchedule make_lr_schedule(const TrainOptions& options, int64_t dataset_size);

/// Full batches in one pass over the data; rejects (exit 2) a data set smaller than one batch.
int64_t steps_per_epoch(const TrainOptions& options, int64_t dataset_size);
/// Optimizer steps that `options` asks for on a data set of this size.
int64_t total_steps(const TrainOptions& options, int64_t dataset_size);
/// Peak rate: learning_rate, or base_learning_rate x batch_size / 256.
double peak_learning_rate(const TrainOptions& options);

}  // namespace defound
