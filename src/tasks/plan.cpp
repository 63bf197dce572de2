#include "defound/tasks/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/run/metrics_log.h"
#include "defound/tasks/gpu_hours.h"

namespace defound {
namespace {

std::string scaled(double value, const std::vector<std::string>& units) {
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) value /= 1000, ++unit;
  return fmt::format("{:.4g} {}", value, units[unit]);
}

}  // namespace

std::string bytes_text(double bytes) { return scaled(bytes, {"B", "kB", "MB", "GB", "TB", "PB"}); }

std::string flops_text(double flops) { return scaled(flops, {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP"}); }

std::string thousands(int64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

namespace {

/// The median rate in the newest rows of a run's metrics, and how many processes made it.
std::string describe_measured(const fs::path& run, double images) {
  constexpr size_t kRows = 50;
  if (run.empty() || !is_there(run / "metrics.jsonl") || !is_there(run / "provenance.json")) return "";
  std::vector<double> rates;
  for (const auto& row : read_metrics(run / "metrics.jsonl"))
    for (const auto& [name, value] : row.values) if (name == "images_per_second" && value > 0) rates.push_back(value);
  if (rates.empty()) return "";
  rates.erase(rates.begin(), rates.end() - static_cast<std::ptrdiff_t>(std::min(kRows, rates.size())));
  std::nth_element(rates.begin(), rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2), rates.end());
  const double rate = rates[rates.size() / 2], hours = images / rate / 3600;
  const Json starts = parse_json(read_text(run / "provenance.json"), (run / "provenance.json").string()).value("starts", Json::array());
  const int64_t processes = starts.empty() ? 1 : starts.back().value("processes", int64_t{1});
  return fmt::format("{:<24}{:.4g} images/s by {} process{} in {}: {:.3g} h, {:.3g} process hours\n", "measured", rate, processes, processes == 1 ? "" : "es",
                     run.string(), hours, hours * static_cast<double>(processes));
}

}  // namespace

std::string describe_plan(const TrainingPlan& plan, const TrainOptions& train, const std::string& precision, const std::string& run) {
  const double trained = static_cast<double>(plan.trained), all = static_cast<double>(plan.parameters);
  const bool half = precision != "fp32";
  const int64_t micro = train.micro_batch_size > 0 ? std::min(train.micro_batch_size, train.batch_size) : train.batch_size;
  // fp32 weights, gradients and two AdamW moments; half precision adds its own copy of weights and gradients
  const double state = 4 * all + 12 * trained + (half ? 2 * all + 2 * trained : 0) + (train.ema_decay > 0 ? 4 * trained : 0);
  const double activations = plan.activation_bytes_per_image * static_cast<double>(micro) / (half ? 2 : 1);
  const double checkpoint = 12 * trained + (train.ema_decay > 0 ? 4 * trained : 0);
  const double product = 4.0 * static_cast<double>(plan.saved > 0 ? plan.saved : plan.parameters);
  const double seen = static_cast<double>(plan.steps) * static_cast<double>(train.batch_size);
  const double per_image = plan.flops_per_image + plan.frozen_flops_per_image;
  const double rate = train.learning_rate ? *train.learning_rate : train.base_learning_rate * static_cast<double>(train.batch_size) / 256;
  std::vector<std::pair<std::string, std::string>> rows = {
      {"model", plan.model},
      {"parameters", thousands(plan.parameters)},
      {"trained parameters", thousands(plan.trained)},
      {"images", thousands(plan.images)},
      {"batch", fmt::format("{} per optimizer step, {} per forward pass", train.batch_size, micro)},
      {"optimizer steps", thousands(plan.steps)},
      {"images seen", thousands(static_cast<int64_t>(seen))},
      {"peak learning rate", fmt::format("{:.4g}", rate)},
      {"work per image", flops_text(plan.flops_per_image) + ", forward and backward"},
      {"work in all", flops_text(per_image * seen)},
      {"memory", activations > 0 ? fmt::format("{}: {} weights, gradients and optimizer, {} activations (estimate)", bytes_text(state + activations),
                                               bytes_text(state), bytes_text(activations))
                                 : fmt::format("{} weights, gradients and optimizer; activations are not estimated", bytes_text(state))},
      {"disk", fmt::format("{}: {} checkpoints of {}, product {}", bytes_text(checkpoint * static_cast<double>(train.keep_checkpoints + 1) + product),
                           train.keep_checkpoints + 1, bytes_text(checkpoint), bytes_text(product))}};
  if (train.shard_optimizer) {  // moments, the masters beside cast weights, and the moving average
    const double spread = (half ? 12 : 8) * trained + (train.ema_decay > 0 ? 4 * trained : 0);
    const auto row = std::find_if(rows.begin(), rows.end(), [](const auto& item) { return item.first == "disk"; });
    rows.insert(row, {"of which spread", fmt::format("{} over the processes (--shard_optimizer): {} each on 8, without activations", bytes_text(spread),
                                                     bytes_text(state - spread * 7 / 8))});
  }
  if (plan.frozen_flops_per_image > 0) rows.insert(rows.begin() + 9, {"frozen parts per image", flops_text(plan.frozen_flops_per_image)});
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<24}{}\n", name, value);
  return text + describe_gpu_hours(per_image * seen) + describe_measured(run, seen);
}

}  // namespace defound
