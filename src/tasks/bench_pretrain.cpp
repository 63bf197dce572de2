#include "bench_step.h"
#include "defound/models/mae.h"
#include "defound/tensor/random_tensor.h"

namespace defound {

Json bench_pretrain(BenchPretrainConfig& config) {
  MaskedAutoencoder model(mae_config(config.model));
  model.init_weights(Draws(0, "init"));
  const auto loss = [&](const Batch& batch, const Draws& draws) -> Losses {
    const torch::Tensor noise = random_uniform(draws.purpose("mask"), batch.ids, {model.config.num_patches()});
    return {{"loss", model.forward(batch.images, noise).loss}};
  };
  Objective objective{model, weight_decay_groups(model, 0.05), loss};
  return bench_step(config, "defound MAE", objective, {.batch = config.batch, .img_size = model.config.img_size, .learning_rate = 1e-4, .adam_beta2 = 0.95});
}

}  // namespace defound
