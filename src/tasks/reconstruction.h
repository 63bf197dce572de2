#pragma once
#include <torch/torch.h>

#include "defound/image/image.h"
#include "defound/image/normalize.h"
#include "defound/models/mae.h"

namespace defound {

/// Four pictures an image, side by side: the image, what the encoder sees, the decoder's patches, and the decoder's
/// patches with the visible ones pasted in. `images` [N, 3, H, W] as the model takes them; under norm_pix_loss the
/// predicted patches get the mean and deviation of the true ones back, as in the MAE demo notebook.
Image reconstruction_picture(MaskedAutoencoder& model, const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio,
                             const ChannelValues& mean, const ChannelValues& std);

}  // namespace defound
