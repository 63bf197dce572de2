#include "defound/tasks/synthesize.h"

namespace defound {

void SynthesizeConfig::visit(Visitor& v) {
  v.group("Synthesis");
  v(field("generator", "generator folder (of defound-train-generator)"), generator);
  v(field("lora", "adapter to add to it: FILE or FILE:SCALE, or the run folder that made one; repeat for more").whole(), lora);
  v(field("count",
          "images to make of a label: LABEL=N, or \"A|B=N\" for both at once; repeat for each, or one number for every label"),
    count);
  v(field("prompt", "images to make of a prompt: TEXT=N; repeat for each; for generators that read text").whole(), prompt);
  v(field("prompt_template",
          "what to ask a generator that reads text for: a text with {label}; with several, images take them in turn")
        .whole(),
    prompt_template);
  v(field(
        "balance_to",
        "make as many of each label as brings --data to N, or to FACTORx:LABEL: so many times those of LABEL (5x:normal)")
        .or_number(),
    balance_to);
  v(field("sampler", "ddim, ddpm, pndm, dpmpp_2m or euler").one_of({"ddim", "ddpm", "pndm", "dpmpp_2m", "euler"}), sampler);
  v(field("steps", "calls of the network per image").range(1, 1000), steps);
  v(field("guidance_scale", "weight of classifier-free guidance; 1: none").range(0, 100), guidance_scale);
  v(field("guidance_rescale", "share of a guided prediction that gets the unguided one's contrast (Lin et al., 2024); 0: none")
        .range(0, 1),
    guidance_rescale);
  v(field("guidance_interval",
          "LOW,HIGH: timesteps (0 to 999) between which it guides; outside the unguided prediction, at half the work"),
    guidance_interval);
  v(field("batch_size", "images made together; changes no image").range(1, 65536).may_change(), batch_size);
  v(field("vae_slicing", "decode latents one image after another instead of the batch at once: less memory").may_change(), vae_slicing);
  v(field("image_format", "png or jpg").one_of({"png", "jpg"}), image_format);
  v(field("format", "folder: a file an image, in class folders; shards: WebDataset .tar files").one_of({"folder", "shards"}),
    format);
  v(field("images_per_shard", "images of a shard; a shard is made whole, so an interruption costs one at most")
        .range(1, 1000000),
    images_per_shard);
  v.group("Parts");
  v(field("part", "i/N: make part i (from 0) of N only, of a job that N processes share; by default a Slurm array's task")
        .may_change(),
    part);
  v(field("merge", "with all parts done: verify them, write the whole manifest and DONE").may_change(), merge);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
  group.visit(v);
}

}  // namespace defound
