#include "defound/tasks/bench_timing.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

#include "defound/core/version.h"
#include "defound/tensor/device.h"

namespace defound {

double median_seconds(const BenchConfig& config, const std::function<void()>& step, int64_t warmup) {
  const torch::Device device = parse_device(config.device);
  torch::set_num_threads(static_cast<int>(config.threads));
  std::vector<double> times;
  for (int64_t i = 0; i < warmup + config.repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    step();
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
    if (i >= warmup) times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  const size_t n = times.size();
  return n % 2 ? times[n / 2] : 0.5 * (times[n / 2 - 1] + times[n / 2]);
}

Json bench_row(BenchConfig& config, const std::string& name, int64_t images, double step_seconds) {
  Json row = {{"peer", name}, {"version", version_text()}};
  row.update(to_json(config));
  row["step_seconds"] = step_seconds;
  row["images_per_second"] = static_cast<double>(images) / step_seconds;
  return row;
}

}  // namespace defound
