#include "loop_setup.h"

#include "defound/tensor/device.h"

namespace defound {
namespace {

Batch batch_of(const Dataset& dataset, int64_t begin, int64_t end) {
  const Draws draws(0, "first_images");
  std::vector<torch::Tensor> images;
  std::vector<int64_t> labels;
  Batch batch;
  for (int64_t i = begin; i < end; ++i) {
    const Sample sample = dataset.get(i, draws, sample_id(0, i));
    images.push_back(sample.image);
    labels.push_back(sample.label);
    batch.prompts.push_back(sample.prompt);
    batch.ids.push_back(sample_id(0, i));
  }
  batch.images = torch::stack(images);  // [N, C, H, W]
  batch.labels = torch::tensor(labels);
  return batch;
}

}  // namespace

LoopOptions loop_options(const TrainOptions& train, const RunOptions& run, const ExecutionOptions& execution, torch::Device device, Group& group) {
  return {train, static_cast<uint64_t>(run.seed), device, parse_precision(execution.precision), execution.num_workers, &group};
}

Batch first_images(const Dataset& dataset, int64_t count) { return batch_of(dataset, 0, std::min(count, dataset.size())); }

void for_each_batch(const Dataset& dataset, Share samples, int64_t batch_size, const std::function<void(const Batch&)>& work) {
  for (int64_t begin = samples.begin; begin < samples.end; begin += batch_size)
    work(batch_of(dataset, begin, std::min(samples.end, begin + batch_size)));
}

Metrics mean_over_batches(const Dataset& dataset, int64_t most, int64_t batch_size, Group& group, const std::vector<std::string>& names,
                          const std::function<std::vector<double>(const Batch&)>& work) {
  const Share share = share_of(std::min(most, dataset.size()), group.rank(), group.size());
  const torch::Tensor sums = torch::zeros({static_cast<int64_t>(names.size()) + 1}, torch::kFloat64);  // the last one counts images
  for_each_batch(dataset, share, batch_size, [&](const Batch& batch) {
    std::vector<double> values = work(batch);
    values.push_back(1);
    sums.add_(torch::tensor(values, torch::kFloat64), static_cast<double>(batch.size()));
  });
  group.sum(sums);
  const double* total = sums.const_data_ptr<double>();
  Metrics means;
  for (size_t i = 0; i < names.size(); ++i) means.emplace_back(names[i], total[i] / total[names.size()]);
  return means;
}

}  // namespace defound
