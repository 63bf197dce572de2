#include "defound/tasks/predict.h"

#include "defound/core/progress.h"
#include "defound/data/loader.h"
#include "defound/models/vit.h"

namespace defound {

Predictions predict(VisionTransformer& model, const Dataset& dataset, int64_t batch_size, const c10::Device& device, int64_t num_workers) {
  const torch::NoGradGuard no_grad;
  const auto type = model.head->weight.scalar_type();
  Predictions out{model.config.num_classes, {}, {}};
  if (dataset.size() == 0) return out;
  Loader loader(dataset, {.batch_size = batch_size, .num_workers = num_workers, .seed = 0, .shuffle = false, .drop_last = false, .pin_memory = device.is_cuda(), .start = {}});
  Progress progress("predict", dataset.size());
  while (out.size() < dataset.size()) {
    const Batch batch = loader.next();
    const torch::Tensor logits = model.forward(batch.images.to(device, type, /*non_blocking=*/true));                        // [N, classes]
    const torch::Tensor probabilities = logits.to(torch::kCPU, torch::kDouble).softmax(1).contiguous();
    const torch::Tensor labels = batch.labels.contiguous();
    out.probabilities.insert(out.probabilities.end(), probabilities.data_ptr<double>(), probabilities.data_ptr<double>() + probabilities.numel());
    out.labels.insert(out.labels.end(), labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel());
    progress.update(out.size());
  }
  return out;
}

}  // namespace defound
