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

LoopOptions loop_options(const TrainOptions& train, const RunOptions& run, const ExecutionOptions& execution, torch::Device device) {
  return {train, static_cast<uint64_t>(run.seed), device, parse_precision(execution.precision), execution.num_workers};
}

Batch first_images(const Dataset& dataset, int64_t count) { return batch_of(dataset, 0, std::min(count, dataset.size())); }

void for_each_batch(const Dataset& dataset, int64_t most, int64_t batch_size, const std::function<void(const Batch&)>& work) {
  const int64_t count = std::min(most, dataset.size());
  for (int64_t begin = 0; begin < count; begin += batch_size) work(batch_of(dataset, begin, std::min(count, begin + batch_size)));
}

}  // namespace defound
