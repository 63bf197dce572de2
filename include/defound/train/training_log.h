#pragma once
#include <string>

#include "defound/core/progress.h"
#include "defound/run/metrics_log.h"
#include "defound/run/run_dir.h"
#include "defound/run/tensorboard.h"
#include "defound/train/objective.h"

namespace defound {

/// Seconds of a step, and how many of them were spent on waiting for the loader, and for other processes.
struct StepTime {
  double all = 0, data = 0, others = 0;
};

/// What a training run tells: metrics.jsonl, TensorBoard events, progress. Both files are cut back to `start_step`.
class TrainingLog {
 public:
  TrainingLog(const RunDir& run, int64_t total_steps, int64_t steps_per_epoch, int64_t batch_size, int64_t start_step);

  void add_step(int64_t step, const StepTime& time);
  /// A row of what happened since the last one: epoch, losses, learning_rate, grad_norm, images_per_second, data_wait
  /// (share of the time), reduce_wait (the same for gradients of other processes, where there are any), skipped_steps (when
  /// there are any).
  void write_training(int64_t step, const NamedValues& losses, double rate, double grad_norm, int64_t skipped);
  /// A row "val_<name>" of a validation.
  void write_validation(int64_t step, const Metrics& metrics, double seconds);
  /// To TensorBoard and to samples/step-000123-<name>.png.
  void write_pictures(int64_t step, const Pictures& pictures);

 private:
  void write(int64_t step, const NamedValues& values);
  fs::path folder_;
  int64_t steps_per_epoch_, batch_size_;
  MetricsLog metrics_;
  TensorBoardLog tensorboard_;
  Progress progress_;
  std::string note_;
  int64_t steps_ = 0;                      ///< since the last row
  StepTime time_;
};

}  // namespace defound
