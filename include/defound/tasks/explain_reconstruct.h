#pragma once
#include <iosfwd>
#include <string>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct ExplainReconstructConfig : RunConfig<ExplainReconstructConfig> {
  DataOptions data;
  std::string model, arch;
  bool norm_pix_loss = true;
  int64_t count = 16;
  double mask_ratio = 0.75;
  int64_t batch_size = 64;
  RunOptions run;
  ExecutionOptions execution;
  void visit(Visitor& v) override;
};

/// Hides patches of some images and lets a masked autoencoder predict them. A run folder with
///   images.npy, prediction.npy   [N, 3, H, W] fp32, RGB in 0..1 (a prediction may leave it)
///   mask.npy                     [N, L] uint8, patches row by row: 1 hidden
///   metrics.json                 the loss of each image and their mean
///   reconstruction.png           image, what the encoder sees, prediction, prediction with the visible patches
/// and report.html; prints the loss. The mask of image i depends on (seed, i) only. A model trained with norm_pix_loss
/// predicts patches without their mean and variance; they get the true patch's back, which is known here only because
/// the image is. Rejects (exit 2) a model without a decoder.
ExitCode explain_reconstruct(ExplainReconstructConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
