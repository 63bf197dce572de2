#include "defound/models/mae.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/nn/init_weights.h"
#include "defound/nn/patches.h"
#include "defound/nn/pos_embed.h"

namespace defound {
namespace {

/// Rows of a batch-first tensor [N, L, ...] by ids [N, K], without a gradient to the tensor.
torch::Tensor take_rows(const torch::Tensor& rows, const torch::Tensor& ids) {
  const int64_t n = ids.size(0), length = rows.size(1);
  const torch::Tensor first = (torch::arange(n, ids.options()) * length).unsqueeze(1);   // [N, 1]
  return rows.flatten(0, 1).index_select(0, (ids + first).flatten()).view({n, ids.size(1), -1});
}

}  // namespace

MaeMasking random_masking(const torch::Tensor& noise, double mask_ratio) {
  const auto kept = static_cast<int64_t>(static_cast<double>(noise.size(1)) * (1.0 - mask_ratio));
  if (kept < 1 || kept >= noise.size(1)) reject("mask_ratio {} leaves {} of {} patches visible; some must be visible and some hidden", mask_ratio, kept, noise.size(1));
  const torch::Tensor ids_keep = torch::argsort(noise, /*stable=*/true, 1, false).slice(1, 0, kept).contiguous();   // [N, K]
  return {ids_keep, torch::ones(noise.sizes(), noise.options().dtype(torch::kFloat32)).scatter_(1, ids_keep, 0.0)};
}

MaskedAutoencoder::MaskedAutoencoder(const MaeConfig& c, torch::Device device)
    : config((c.check(), c)),
      cls_token(register_parameter("cls_token", torch::empty({1, 1, c.embed_dim}, device))),
      pos_embed(register_parameter("pos_embed", torch::empty({1, 1 + c.num_patches(), c.embed_dim}, device), /*requires_grad=*/false)),
      mask_token(register_parameter("mask_token", torch::empty({1, 1, c.decoder_embed_dim}, device))),
      decoder_pos_embed(register_parameter("decoder_pos_embed", torch::empty({1, 1 + c.num_patches(), c.decoder_embed_dim}, device), /*requires_grad=*/false)),
      patch_embed(register_module("patch_embed", std::make_shared<PatchEmbed>(c.patch_size, c.in_chans, c.embed_dim, device))),
      blocks(register_module("blocks", std::make_shared<VitBlocks>(c.depth, c.embed_dim, c.num_heads, c.mlp_ratio, 0.0, device))),
      norm(register_module("norm", std::make_shared<LayerNorm>(c.embed_dim, kVitEpsilon, device))),
      decoder_embed(register_module("decoder_embed", std::make_shared<Linear>(c.embed_dim, c.decoder_embed_dim, true, device))),
      decoder_blocks(register_module("decoder_blocks", std::make_shared<VitBlocks>(c.decoder_depth, c.decoder_embed_dim, c.decoder_num_heads, c.mlp_ratio, 0.0, device))),
      decoder_norm(register_module("decoder_norm", std::make_shared<LayerNorm>(c.decoder_embed_dim, kVitEpsilon, device))),
      decoder_pred(register_module("decoder_pred", std::make_shared<Linear>(c.decoder_embed_dim, c.patch_size * c.patch_size * c.in_chans, true, device))) {}

void MaskedAutoencoder::init_weights(const Draws& draws) {
  const torch::NoGradGuard no_grad;
  pos_embed.copy_(sincos_pos_embed(config.embed_dim, config.grid_size()));
  decoder_pos_embed.copy_(sincos_pos_embed(config.decoder_embed_dim, config.grid_size()));
  for (const auto& item : named_parameters()) {
    const std::string& name = item.key();
    const Draws own = draws.purpose(name);
    if (name.ends_with("pos_embed")) continue;
    if (name == "cls_token" || name == "mask_token") fill_normal(item.value(), 0.02, own);
    else if (name == "patch_embed.proj.bias")   // a convolution's default, which the reference leaves
      fill_uniform(item.value(), 1.0 / std::sqrt(static_cast<double>(config.in_chans * config.patch_size * config.patch_size)), own);
    else if (item.value().dim() > 1) fill_xavier_uniform(item.value(), own);
    else item.value().fill_(name.ends_with(".weight") ? 1.0 : 0.0);
  }
}

torch::Tensor MaskedAutoencoder::forward_encoder(const torch::Tensor& patches, const torch::Tensor& ids_keep) {
  const int64_t n = patches.size(0);
  // Choosing before embedding gives the same rows as the reference's order, for a quarter of the work.
  torch::Tensor x = patch_embed->forward(take_rows(patches, ids_keep));                             // [N, K, D]
  x = x + pos_embed.squeeze(0).slice(0, 1).index_select(0, ids_keep.flatten()).view_as(x);
  const torch::Tensor first = cls_token + pos_embed.slice(1, 0, 1);
  x = torch::cat({first.expand({n, -1, -1}), x}, 1);                                                // [N, 1+K, D]
  return norm->forward(blocks->forward(x));
}

torch::Tensor MaskedAutoencoder::forward_decoder(const torch::Tensor& latent, const torch::Tensor& ids_keep) {
  const int64_t n = latent.size(0), length = 1 + config.num_patches(), width = config.decoder_embed_dim;
  const torch::Tensor visible = decoder_embed->forward(latent).flatten(0, 1);                                // [N*(1+K), Dd]
  const torch::Tensor first = (torch::arange(n, ids_keep.options()) * length).unsqueeze(1);         // [N, 1]
  const torch::Tensor places = torch::cat({first, ids_keep + 1 + first}, 1).flatten();              // [N*(1+K)]
  torch::Tensor x = mask_token.squeeze(0).expand({n * length, width});
  x = x.index_copy(0, places, visible).view({n, length, width}) + decoder_pos_embed;                // [N, 1+L, Dd]
  x = decoder_norm->forward(decoder_blocks->forward(x));
  return decoder_pred->forward(x.slice(1, 1));                                                               // [N, L, P*P*C]
}

torch::Tensor MaskedAutoencoder::patch_errors(const torch::Tensor& patches, const torch::Tensor& prediction) const {
  const torch::Dtype type = prediction.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  torch::Tensor target = patches.detach().to(type);
  if (config.norm_pix_loss) {
    const auto [variance, mean] = torch::var_mean(target, torch::IntArrayRef{-1}, /*unbiased=*/true, /*keepdim=*/true);
    target = (target - mean) / (variance + 1e-6).sqrt();
  }
  return (prediction.to(type) - target).square().mean(-1);                                          // [N, L]
}

MaeOutput MaskedAutoencoder::forward(const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio) {
  if (images.dim() != 4 || images.size(1) != config.in_chans || images.size(2) != config.img_size || images.size(3) != config.img_size)
    fail("the model takes images [N, {}, {}, {}]", config.in_chans, config.img_size, config.img_size);
  if (noise.dim() != 2 || noise.size(0) != images.size(0) || noise.size(1) != config.num_patches())
    fail("the noise that decides the masking must be [{}, {}]", images.size(0), config.num_patches());
  const torch::Tensor patches = patchify(images, config.patch_size);                                // [N, L, P*P*C]
  const auto [ids_keep, mask] = random_masking(noise.to(images.device()), mask_ratio);
  const torch::Tensor prediction = forward_decoder(forward_encoder(patches, ids_keep), ids_keep);
  const torch::Tensor errors = patch_errors(patches, prediction) * mask;
  const torch::Tensor loss_per_image = errors.sum(1) / static_cast<double>(config.num_patches() - ids_keep.size(1));
  return {loss_per_image.mean(), loss_per_image, prediction, mask};
}

}  // namespace defound
