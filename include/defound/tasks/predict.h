#pragma once
#include "defound/eval/predictions.h"

namespace c10 {
struct Device;
}

namespace defound {

struct Dataset;
struct VisionTransformer;

/// Class probabilities (softmax of the logits, in double) of every sample of the dataset, once each and in its order,
/// the short last batch included. Computes in the model's number type on `device`, where the model must stand; no drop
/// path, no gradients. Samples are drawn under epoch 0. `num_workers`: threads that decode ahead.
Predictions predict(VisionTransformer& model, const Dataset& dataset, int64_t batch_size, const c10::Device& device, int64_t num_workers = 2);

}  // namespace defound
