#include "defound/tasks/embed.h"

namespace defound {

void EmbedConfig::visit(Visitor& v) {
  v.group("Features");
  v(field("model", "encoder: a file of defound, MAE, timm or RETFound (.safetensors or .pth), or a run folder"), model);
  v(field("arch", "architecture, where neither the file nor its shapes tell: vit_large_patch16, vit_base_patch16_224, ..."), arch);
  v(field("pool", "mean: mean of the patch tokens before norm, then fc_norm, as RETFound; cls: the class token after norm").one_of({"cls", "mean"}), pool);
  v(field("input_size", "side of the square input in pixels; 0: the file's own").range(0, 4096), input_size);
  v(field("batch_size", "images per forward pass").range(1, 65536).may_change(), batch_size);
  v.group("Probes");
  v(field("knn", "classify by the K nearest training images: cosine, votes exp(similarity / 0.07) as in DINO; 0: no").range(0, 1e6), knn);
  v(field("linear_probe", "logistic regression with L2 on the standardized features"), linear_probe);
  v(field("probe_strength", "its C, inverse of the L2 penalty, as in scikit-learn; 0: the best of 1e-5 to 100 by AUROC on split val").range(0, 1e9), probe_strength);
  v(field("resamples", "bootstrap resamples of the test patients, for the intervals").range(1, 1e6), resamples);
  v(field("allow_leak", "probe although test patients or images went into the encoder; the report says so"), allow_leak);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
}

}  // namespace defound
