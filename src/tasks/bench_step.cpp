#include "bench_step.h"

#include <algorithm>
#include <numeric>

#include "bench_profile.h"
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

/// What the exchange of gradients takes by itself, and how much of it is left when it runs beside the backward pass.
void add_reduction(Json& row, const BenchConfig& config, TrainingState& state, Group& group, std::vector<double> waited) {
  BucketedSum sum(group, state.weights.masters(), state.weights.type());
  const double alone = median_seconds(config, [&] {
    for (size_t i = state.weights.masters().size(); i-- > 0;) sum.add(i, state.weights.masters()[i]);
    sum.finish();
  });
  std::nth_element(waited.begin(), waited.begin() + static_cast<std::ptrdiff_t>(waited.size() / 2), waited.end());
  const double wait = waited[waited.size() / 2];
  int64_t bytes = 0;
  for (const auto& master : state.weights.masters()) bytes += static_cast<int64_t>(master.nbytes());
  row.update({{"processes", group.size()}, {"gradient_megabytes", static_cast<double>(bytes) / 1e6}, {"buckets", sum.buckets()}, {"reduce_seconds", alone},
              {"reduce_wait_seconds", wait}, {"reduce_hidden", std::max(0.0, 1 - wait / alone)}});
}

}  // namespace

Json bench_step(BenchConfig& config, const std::string& name, Objective& objective, const StepBench& bench) {
  LoopOptions options;
  options.train.batch_size = bench.batch;
  options.train.adam_beta2 = bench.adam_beta2;
  options.device = parse_device(config.device);
  options.precision = parse_precision(config.precision);
  Json row;
  run_together(options.device, /*timeout_seconds=*/300, [&](Group& group) {
    TrainingState state(objective, options, group);
    if (group.size() > 1) state.broadcast();
    const Batch batch = random_batch(bench, options.device);
    const int64_t images = bench.batch * group.size();
    objective.model.train();
    std::vector<double> waited;
    const auto step = [&] {
      state.advance(batch, images, bench.learning_rate);
      waited.push_back(state.waited);
    };
    const double seconds = median_seconds(config, step);
    row = bench_row(config, name, images, seconds);
    row["parameters"] = count_parameters(objective.model);
    if (config.profile) row["profile"] = profile_of(step);
    if (group.size() > 1) add_reduction(row, config, state, group, waited);
    if (!group.is_leader()) row = {};
    return ExitCode::kDone;
  });
  return row;
}

}  // namespace defound
