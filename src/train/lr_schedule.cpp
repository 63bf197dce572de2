#include "defound/train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "defound/core/error.h"

namespace defound {

double LrSchedule::at(int64_t step) const {
  const auto now = static_cast<double>(step);
  if (now < warmup_steps) return peak * now / warmup_steps;
  if (!cosine || total_steps <= warmup_steps) return peak;
  const double progress = std::min(1.0, (now - warmup_steps) / (total_steps - warmup_steps));
  return minimum + (peak - minimum) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

LrSchedule make_lr_schedule(const TrainOptions& options, int64_t dataset_size) {
  const auto epoch = static_cast<double>(steps_per_epoch(options, dataset_size));
  return {.peak = peak_learning_rate(options), .minimum = options.min_learning_rate, .warmup_steps = options.warmup_epochs * epoch,
          .total_steps = static_cast<double>(total_steps(options, dataset_size)), .cosine = options.lr_scheduler == "cosine"};
}

int64_t steps_per_epoch(const TrainOptions& options, int64_t dataset_size) {
  const int64_t steps = dataset_size / options.batch_size;
  if (steps == 0) reject("the training data holds {} images, less than one batch of {}: lower --batch_size", dataset_size, options.batch_size);
  return steps;
}

int64_t total_steps(const TrainOptions& options, int64_t dataset_size) {
  const int64_t epoch = steps_per_epoch(options, dataset_size);
  if (options.max_train_steps > 0) return options.max_train_steps;
  if (options.epochs <= 0) reject("--epochs is 0, so nothing would be trained; give --epochs or --max_train_steps");
  return std::max<int64_t>(1, std::llround(options.epochs * static_cast<double>(epoch)));
}

double peak_learning_rate(const TrainOptions& options) {
  return options.learning_rate.value_or(options.base_learning_rate * static_cast<double>(options.batch_size) / 256.0);
}

}  // namespace defound
