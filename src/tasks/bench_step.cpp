#include "bench_step.h"

#include <numeric>

#include "defound/tensor/device.h"
#include "defound/tensor/random_tensor.h"
#include "defound/train/training_state.h"

namespace defound {
namespace {

Batch random_batch(const StepBench& bench, torch::Device device) {
  Batch batch;
  batch.ids.resize(static_cast<size_t>(bench.batch));
  std::iota(batch.ids.begin(), batch.ids.end(), uint64_t{0});
  batch.images = random_normal(Draws(0, "images"), batch.ids, {bench.in_chans, bench.img_size, bench.img_size});
  batch.labels = random_integers(Draws(0, "labels"), batch.ids, static_cast<uint64_t>(bench.num_classes), {});
  return batch.to(device);
}

int64_t count_parameters(const torch::nn::Module& model) {
  int64_t count = 0;
  for (const auto& parameter : model.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

Json bench_step(BenchConfig& config, const std::string& name, Objective& objective, const StepBench& bench) {
  LoopOptions options;
  options.train.batch_size = bench.batch;
  options.train.adam_beta2 = bench.adam_beta2;
  options.device = parse_device(config.device);
  options.precision = parse_precision(config.precision);
  Group alone;
  TrainingState state(objective, options, alone);
  const Batch batch = random_batch(bench, options.device);
  objective.model.train();
  const double seconds = median_seconds(config, [&] { state.advance(batch, bench.batch, bench.learning_rate); });
  Json row = bench_row(config, name, bench.batch, seconds);
  row["parameters"] = count_parameters(objective.model);
  return row;
}

}  // namespace defound
