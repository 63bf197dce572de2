#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/models/vit.h"

namespace defound {

/// A masked autoencoder (He et al. 2022) in the terms of facebookresearch/mae.
struct MaeConfig : Config {
  int64_t img_size = 224, patch_size = 16, in_chans = 3;
  int64_t embed_dim = 768, depth = 12, num_heads = 12;
  int64_t decoder_embed_dim = 512, decoder_depth = 8, decoder_num_heads = 16;
  double mlp_ratio = 4.0;
  bool norm_pix_loss = true;           ///< compare with pixels normalised within each patch
  void visit(Visitor& v) override;
  int64_t grid_size() const { return img_size / patch_size; }
  int64_t num_patches() const { return grid_size() * grid_size(); }
  /// Rejects (exit 2) sizes that do not divide.
  void check() const;
};

/// The config of a name: tiny, small, base, large, huge, mae_vit_base_patch16, mae_vit_large_patch16,
/// mae_vit_huge_patch14 (also with _dec512d8b behind), with any patch size in its place.
MaeConfig mae_config(const std::string& name);
const std::vector<std::string>& mae_names();

struct MaeOutput {
  torch::Tensor loss;             ///< mean over hidden patches, a scalar; fp32, fp64 for an fp64 model
  torch::Tensor loss_per_image;   ///< [N]
  torch::Tensor prediction;       ///< [N, L, P*P*C], in the model's type
  torch::Tensor mask;             ///< [N, L]: 0 visible, 1 hidden
};

/// Which patches the encoder sees: the int(L * (1 - mask_ratio)) of lowest noise, in the order of their noise.
struct MaeMasking {
  torch::Tensor ids_keep;         ///< [N, K] int64
  torch::Tensor mask;             ///< [N, L] fp32: 0 visible, 1 hidden
};
MaeMasking random_masking(const torch::Tensor& noise, double mask_ratio);

/// models_mae.py's MaskedAutoencoderViT, with its parameter names; both position tables are fixed parameters.
/// Computes in the type of its parameters, the loss in fp32 at least. Weights are undefined until init_weights or
/// until all are loaded; on torch::kMeta the model takes no memory (to count FLOPs).
struct MaskedAutoencoder : torch::nn::Module {
  explicit MaskedAutoencoder(const MaeConfig& config, torch::Device device = torch::kCPU);

  /// As the reference: weights Xavier-uniform, tokens normal 0.02, biases 0, sine-cosine position tables.
  void init_weights(const Draws& draws);

  /// `noise` [N, L], any type, decides the masking.
  MaeOutput forward(const torch::Tensor& images, const torch::Tensor& noise, double mask_ratio = 0.75);
  /// [N, C, H, W] and the visible patches -> [N, 1 + K, D].
  torch::Tensor forward_encoder(const torch::Tensor& patches, const torch::Tensor& ids_keep);
  /// [N, 1 + K, D] -> [N, L, P*P*C].
  torch::Tensor forward_decoder(const torch::Tensor& latent, const torch::Tensor& ids_keep);
  /// Squared error of each patch [N, L] against patchify(images), normalised when norm_pix_loss is on.
  torch::Tensor patch_errors(const torch::Tensor& patches, const torch::Tensor& prediction) const;

  const MaeConfig config;
  torch::Tensor cls_token, pos_embed, mask_token, decoder_pos_embed;
  std::shared_ptr<PatchEmbed> patch_embed;
  std::shared_ptr<VitBlocks> blocks;
  std::shared_ptr<LayerNorm> norm;
  std::shared_ptr<Linear> decoder_embed;
  std::shared_ptr<VitBlocks> decoder_blocks;
  std::shared_ptr<LayerNorm> decoder_norm;
  std::shared_ptr<Linear> decoder_pred;
};

}  // namespace defound
