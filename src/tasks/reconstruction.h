#pragma once
#include <torch/torch.h>

#include "defound/image/image.h"
#include "defound/image/normalize.h"
#include "defound/models/mae.h"

namespace defound {

/// What a masked autoencoder makes of N images.
struct Reconstruction {
  torch::Tensor loss_per_image;   ///< [N]
  torch::Tensor mask;             ///< [N, L]: 0 visible, 1 hidden
  torch::Tensor prediction;       ///< [N, 3, H, W] fp32, as the model takes images
};

/// `images` [N, 3, H, W] as the model takes them, `noise` [N, L] decides the masking. Under norm_pix_loss the predicted
/// patches get the mean and deviation of the true ones back: nothing in the model knows them.
Reconstruction reconstruct(MaskedAutoencoder& model, const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio);

/// Four pictures an image, side by side: the image, what the encoder sees, the prediction, and the prediction with the
/// visible patches pasted in.
Image reconstruction_picture(const Reconstruction& reconstruction, const torch::Tensor& images, int64_t patch_size, const ChannelValues& mean, const ChannelValues& std);

}  // namespace defound
