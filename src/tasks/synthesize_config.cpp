#include "defound/tasks/synthesize.h"

namespace defound {

void SynthesizeConfig::visit(Visitor& v) {
  v.group("Synthesis");
  v(field("generator", "generator folder (of defound-train-generator)"), generator);
  v(field("count", "images to make of a label: LABEL=N; repeat for each label, or one number for every label"), count);
  v(field("prompt", "images to make of a prompt: TEXT=N; repeat for each; for generators that read text"), prompt);
  v(field("balance_to", "make as many of each label as brings --data to this number; 0: use --count").range(0, 1e7), balance_to);
  v(field("sampler", "ddim, ddpm, pndm, dpmpp_2m or euler").one_of({"ddim", "ddpm", "pndm", "dpmpp_2m", "euler"}), sampler);
  v(field("steps", "calls of the network per image").range(1, 1000), steps);
  v(field("guidance_scale", "weight of classifier-free guidance; 1: none").range(0, 100), guidance_scale);
  v(field("batch_size", "images made together; changes no image").range(1, 65536).may_change(), batch_size);
  v(field("image_format", "png or jpg").one_of({"png", "jpg"}), image_format);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
}

}  // namespace defound
