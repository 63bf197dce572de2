#include "bench_step.h"
#include "defound/models/vit.h"

namespace defound {

Json bench_finetune(BenchFinetuneConfig& config) {
  VitConfig vit = vit_config(config.model);
  vit.num_classes = 5, vit.drop_path_rate = 0.2, vit.global_pool = "avg";
  VisionTransformer model(vit);
  model.init_weights(Draws(0, "init"));
  const auto loss = [&](const Batch& batch, const Draws& draws) -> Losses {
    const RowDraws rows{draws, batch.ids};
    const torch::Tensor logits = model.forward(batch.images, &rows).to(torch::kFloat32);  // [N, classes]
    return {{"loss", torch::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Mean, -100, /*label_smoothing=*/0.1)}};
  };
  Objective objective{model, layer_decay_groups(model, vit.depth, 0.05, 0.65), loss};
  return bench_step(config, "defound ViT", objective, {.batch = config.batch, .img_size = vit.img_size, .num_classes = 5, .learning_rate = 1e-3});
}

}  // namespace defound
