#include "reconstruction.h"

#include "defound/image/image_io.h"
#include "defound/nn/patches.h"

namespace defound {

Image reconstruction_picture(MaskedAutoencoder& model, const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio,
                             const ChannelValues& mean, const ChannelValues& std) {
  const torch::NoGradGuard no_grad;
  const int64_t patch = model.config.patch_size;
  const MaeOutput output = model.forward(images, noise, mask_ratio);
  const torch::Tensor truth = patchify(images.to(torch::kFloat), patch);            // [N, L, P*P*C]
  torch::Tensor predicted = output.prediction.to(torch::kFloat);
  if (model.config.norm_pix_loss)
    predicted = predicted * (truth.var(-1, /*unbiased=*/true, /*keepdim=*/true) + 1e-6).sqrt() + truth.mean(-1, true);
  const torch::Tensor hidden = output.mask.to(torch::kFloat).unsqueeze(-1);         // [N, L, 1]
  const auto picture = [&](const torch::Tensor& patches) { return unpatchify(patches, patch, images.size(2)); };
  const std::vector<torch::Tensor> columns = {images.to(torch::kFloat), picture(truth * (1 - hidden)), picture(predicted),
                                              picture(truth * (1 - hidden) + predicted * hidden)};
  std::vector<Image> cells;
  for (int64_t n = 0; n < images.size(0); ++n)
    for (const auto& column : columns) cells.push_back(denormalize(column[n].cpu(), mean, std));
  return contact_sheet(cells, 8);
}

}  // namespace defound
