#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"
#include "defound/tasks/synthesis_generator.h"

namespace defound {

struct SynthesizeConfig : RunConfig<SynthesizeConfig> {
  std::string generator;
  std::vector<std::string> lora;
  std::vector<std::string> count, prompt, prompt_template;
  std::string balance_to;
  DataOptions data;
  std::string sampler = "ddim";
  int64_t steps = 50;
  double guidance_scale = 3, guidance_rescale = 0;
  std::vector<std::string> guidance_interval;
  int64_t batch_size = 16;
  bool vae_slicing = false;
  std::string format = "folder", image_format = "png", part;
  int64_t images_per_shard = 1000;
  bool merge = false;
  RunOptions run;
  ExecutionOptions execution;
  GroupOptions group;
  void visit(Visitor& v) override;
};

/// Makes a labelled synthetic image set with a generator folder: plans every row first, then makes what is missing. Writes
/// class folders of images, or shards, then manifest.csv (prompt, label, seed, generator hash), report.html and DONE. A part
/// does so for its rows, below parts/; the images of all parts lie where those of one process would, and `merge` verifies
/// them and writes the manifest over them. An image that is not finite or of one color is drawn again under another seed,
/// which the manifest then names; more than one in a thousand of these, or four times the same, fail the job (exit 1).
/// Processes that were started together (torchrun, srun, mpirun) take a part each, and the first merges them.
ExitCode synthesize(SynthesizeConfig& config, const std::string& command, std::ostream& out);

/// The same with another source of images than the folder config.generator.
ExitCode synthesize(SynthesizeConfig& config, SynthesisGenerator& generator, const std::string& command, std::ostream& out);

}  // namespace defound
