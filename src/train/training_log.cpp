#include "defound/train/training_log.h"

#include "defound/core/log.h"

namespace defound {

TrainingLog::TrainingLog(const RunDir& run, int64_t total_steps, int64_t steps_per_epoch, int64_t batch_size, int64_t start_step)
    : folder_(run.path()), steps_per_epoch_(steps_per_epoch), batch_size_(batch_size), metrics_(run / "metrics.jsonl", start_step),
      tensorboard_(run.path(), start_step), progress_("training", total_steps * batch_size, start_step * batch_size, "images") {}

void TrainingLog::add_step(int64_t step, const StepTime& time) {
  ++steps_;
  time_ = {time_.all + time.all, time_.data + time.data, time_.others + time.others};
  progress_.update(step * batch_size_, note_);
}

void TrainingLog::write(int64_t step, const NamedValues& values) {
  NamedValues row{{"epoch", static_cast<double>(step) / static_cast<double>(steps_per_epoch_)}};
  row.insert(row.end(), values.begin(), values.end());
  metrics_.write(step, row);
  tensorboard_.write(step, row);
}

void TrainingLog::write_training(int64_t step, const NamedValues& losses, double rate, double grad_norm, int64_t skipped) {
  const double seconds = std::max(1e-9, time_.all), images_per_second = static_cast<double>(steps_ * batch_size_) / seconds;
  NamedValues row = losses;
  row.insert(row.end(), {{"learning_rate", rate}, {"grad_norm", grad_norm}, {"images_per_second", images_per_second},
                         {"data_wait", time_.data / seconds}});
  if (time_.others > 0) row.emplace_back("reduce_wait", time_.others / seconds);
  if (skipped > 0) row.emplace_back("skipped_steps", static_cast<double>(skipped));
  write(step, row);
  if (!losses.empty()) note_ = fmt::format("{} {:.4f}", losses[0].first, losses[0].second);
  log::debug("step {}: {}, rate {:.3g}, gradient norm {:.3g}, {:.1f} images/s", step, note_, rate, grad_norm, images_per_second);
  steps_ = 0;
  time_ = {};
}

void TrainingLog::write_validation(int64_t step, const Metrics& metrics, double seconds) {
  NamedValues row;
  std::string text;
  for (const auto& [name, value] : metrics) {
    row.emplace_back("val_" + name, value);
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, value);
  }
  write(step, row);
  log::info("validation at step {} (epoch {:.2f}): {} ({})", step, static_cast<double>(step) / static_cast<double>(steps_per_epoch_), text,
            duration_text(seconds));
}

void TrainingLog::write_pictures(int64_t step, const Pictures& pictures) {
  make_folder(folder_ / "samples");
  for (const auto& [name, png] : pictures) {
    write_atomic(folder_ / "samples" / fmt::format("step-{:06}-{}.png", step, name), png);
    tensorboard_.write_picture(step, name, png);
  }
}

}  // namespace defound
