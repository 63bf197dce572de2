#include "reconstruction.h"

#include "defound/image/image_io.h"
#include "defound/nn/patches.h"

namespace defound {

Reconstruction reconstruct(MaskedAutoencoder& model, const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio) {
  const torch::NoGradGuard no_grad;
  const MaeOutput output = model.forward(images, noise, mask_ratio);
  torch::Tensor predicted = output.prediction.to(torch::kFloat);                      // [N, L, P*P*C]
  if (model.config.norm_pix_loss) {
    const torch::Tensor truth = patchify(images.to(torch::kFloat), model.config.patch_size);
    predicted = predicted * (truth.var(-1, /*unbiased=*/true, /*keepdim=*/true) + 1e-6).sqrt() + truth.mean(-1, true);
  }
  return {output.loss_per_image, output.mask, unpatchify(predicted, model.config.patch_size, images.size(2))};
}

Image reconstruction_picture(const Reconstruction& reconstruction, const torch::Tensor& images, int64_t patch_size, const ChannelValues& mean, const ChannelValues& std) {
  const torch::Tensor truth = images.to(torch::kFloat), predicted = reconstruction.prediction;
  const torch::Tensor patches = reconstruction.mask.to(torch::kFloat).unsqueeze(-1).expand({-1, -1, patch_size * patch_size * images.size(1)});
  const torch::Tensor hidden = unpatchify(patches, patch_size, images.size(2));       // [N, 3, H, W]
  const std::vector<torch::Tensor> columns = {truth, truth * (1 - hidden), predicted, truth * (1 - hidden) + predicted * hidden};
  std::vector<Image> cells;
  for (int64_t n = 0; n < images.size(0); ++n)
    for (const auto& column : columns) cells.push_back(denormalize(column[n].cpu(), mean, std));
  return contact_sheet(cells, 8);
}

}  // namespace defound
