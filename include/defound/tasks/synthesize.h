#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct SynthesizeConfig : Config {
  std::string generator;
  std::vector<std::string> count, prompt;
  int64_t balance_to = 0;
  DataOptions data;
  std::string sampler = "ddim";
  int64_t steps = 50;
  double guidance_scale = 3;
  int64_t batch_size = 16;
  std::string image_format = "png";
  RunOptions run;
  ExecutionOptions execution;
  void visit(Visitor& v) override;
};

/// Makes a labelled synthetic image set with a generator folder: plans every row first, then makes what is missing.
/// Writes class folders of images, manifest.csv (prompt, label, seed, generator hash), report.html and DONE.
ExitCode synthesize(SynthesizeConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
