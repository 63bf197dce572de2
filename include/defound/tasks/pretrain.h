#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct PretrainConfig : RunConfig<PretrainConfig> {
  PretrainConfig();
  DataOptions data;
  std::string model = "mae_vit_large_patch16";
  int64_t input_size = 224;
  int64_t patch_size = 0;
  int64_t depth = 0;
  double mask_ratio = 0.75;
  bool norm_pix_loss = true;
  std::string init;
  std::string init_decoder = "file";
  TrainOptions train;
  RunOptions run;
  ExecutionOptions execution;
  GroupOptions group;
  void visit(Visitor& v) override;
};

/// Masked-autoencoder pretraining (He et al., CVPR 2022). Writes mae.safetensors (with decoder), encoder.safetensors
/// and report.html into the run folder.
ExitCode pretrain(PretrainConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
