#pragma once
#include <memory>
#include <string>

#include "defound/core/files.h"

namespace at {
class Tensor;
}
namespace c10 {
struct Device;
}

namespace defound {

struct Dataset;
struct TransformOptions;
struct VisionTransformer;

/// What of a model file is wanted.
struct EncoderRequest {
  std::string model;        ///< a file, or a run folder: its best.safetensors (fine-tuning), else its encoder.safetensors
  std::string arch;         ///< vit_large_patch16, ...: for files that do not say what they are; "" otherwise
  std::string pool;         ///< cls or mean
  int64_t input_size = 0;   ///< 0: the file's own; another one interpolates the position table
};

/// A vision transformer that turns an image into one vector:
///   cls   norm, then the class token (facebookresearch/mae, models_vit.py without global_pool; timm's token)
///   mean  the mean of the patch tokens before any norm, then fc_norm (the same file with global_pool; RETFound). The
///         file's fc_norm after fine-tuning; one without weights for a pretrained file, which has none: what RETFound's
///         RETFound_Feature.ipynb computes.
struct Encoder {
  fs::path file;
  std::shared_ptr<VisionTransformer> model;      ///< fp32, on the CPU; the head is not used
  std::shared_ptr<TransformOptions> transform;   ///< the file's own; else resized to the input, ImageNet mean and deviation
  std::string pooling;                           ///< the above in words, for this file
};

/// Rejects (exit 2) a file that is no vision transformer, one that needs --arch or must not have it, weights that do not
/// fit, and cls of a file that was fine-tuned with the mean (it has no norm for the class token).
Encoder load_encoder(const EncoderRequest& request);

/// Features [N, D] fp32 on the CPU of every sample, in the order of the dataset. Computes in the model's number type on
/// `device`, where the model must stand. Fails (exit 1) when a feature is not finite; ends (exit 75) after a signal.
at::Tensor embed_images(VisionTransformer& model, const Dataset& dataset, int64_t batch_size, const c10::Device& device, int64_t num_workers);

}  // namespace defound
