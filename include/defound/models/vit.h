#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/config/visit.h"
#include "defound/nn/drop_path.h"
#include "defound/nn/layers.h"

namespace defound {

constexpr double kVitEpsilon = 1e-6;   ///< of the norms, in timm and MAE

/// A vision transformer (Dosovitskiy et al. 2021) in timm's terms.
struct VitConfig : Config {
  int64_t img_size = 224, patch_size = 16, in_chans = 3;
  int64_t embed_dim = 768, depth = 12, num_heads = 12;
  double mlp_ratio = 4.0;
  int64_t num_classes = 1000;
  double drop_path_rate = 0.0;         ///< of the last block; rises linearly from 0 at the first
  std::string global_pool = "token";   ///< token: norm, then the class token; avg: mean of the patches, then fc_norm
  void visit(Visitor& v) override;
  int64_t grid_size() const { return img_size / patch_size; }
  /// Rejects (exit 2) sizes that do not divide.
  void check() const;
};

/// The config of a name: tiny, small, base, large, huge; vit_large_patch16 (facebookresearch/mae, RETFound);
/// vit_base_patch16_224 (timm), with any patch size and image size in their places. Rejects others, naming the nearest.
VitConfig vit_config(const std::string& name);
const std::vector<std::string>& vit_names();

/// timm's PatchEmbed: a convolution whose kernel and stride are the patch, done as a product over patches.
struct PatchEmbed : torch::nn::Module {
  PatchEmbed(int64_t patch_size, int64_t in_chans, int64_t embed_dim, torch::Device device);
  torch::Tensor forward(const torch::Tensor& patches) const;   ///< [N, L, P*P*C] of patchify -> [N, L, D]
  struct Projection : torch::nn::Module {
    Projection(int64_t patch_size, int64_t in_chans, int64_t embed_dim, torch::Device device);
    torch::Tensor weight, bias;                                ///< [D, C, P, P], [D]
  };
  std::shared_ptr<Projection> proj;
};

struct VitAttention : torch::nn::Module {
  VitAttention(int64_t width, int64_t num_heads, torch::Device device);
  torch::Tensor forward(const torch::Tensor& x);
  int64_t num_heads;
  std::shared_ptr<Linear> qkv, proj;
};

struct VitMlp : torch::nn::Module {
  VitMlp(int64_t width, int64_t hidden, torch::Device device);
  torch::Tensor forward(const torch::Tensor& x);
  std::shared_ptr<Linear> fc1, fc2;
};

/// Pre-norm transformer block: x + attn(norm1(x)), x + mlp(norm2(x)). [N, L, D] -> [N, L, D].
struct VitBlock : torch::nn::Module {
  VitBlock(int64_t width, int64_t num_heads, double mlp_ratio, double drop_path_rate, std::string layer, torch::Device device);
  /// With `rows`, both branches are dropped by sample; without, never.
  torch::Tensor forward(const torch::Tensor& x, const RowDraws* rows = nullptr);
  double drop_path_rate;
  std::string layer;                                           ///< names the block's randomness
  std::shared_ptr<LayerNorm> norm1;
  std::shared_ptr<VitAttention> attn;
  std::shared_ptr<LayerNorm> norm2;
  std::shared_ptr<VitMlp> mlp;
};

/// A list of blocks, registered as "0", "1", ...; drop-path rates rise linearly from 0 to `drop_path_rate`.
struct VitBlocks : torch::nn::Module {
  VitBlocks(int64_t depth, int64_t width, int64_t num_heads, double mlp_ratio, double drop_path_rate, torch::Device device);
  torch::Tensor forward(torch::Tensor x, const RowDraws* rows = nullptr);
  std::vector<std::shared_ptr<VitBlock>> list;
};

/// timm's VisionTransformer, with its parameter names. Computes in the type of its parameters. Weights are undefined
/// until init_weights or until all are loaded; on torch::kMeta the model takes no memory (to count FLOPs).
struct VisionTransformer : torch::nn::Module {
  explicit VisionTransformer(const VitConfig& config, torch::Device device = torch::kCPU);

  /// As timm: linear weights and pos_embed normal 0.02, biases 0; head normal 2e-5 (RETFound).
  void init_weights(const Draws& draws);

  /// [N, C, H, W] -> logits [N, num_classes]. Drop path acts exactly when `rows` is given.
  torch::Tensor forward(const torch::Tensor& images, const RowDraws* rows = nullptr);
  /// [N, C, H, W] -> [N, 1 + L, D], class token first; after `norm` when global_pool is token.
  torch::Tensor forward_features(const torch::Tensor& images, const RowDraws* rows = nullptr);
  /// [N, 1 + L, D] -> logits, or with `pre_logits` the pooled features [N, D] before the head.
  torch::Tensor forward_head(const torch::Tensor& tokens, bool pre_logits = false);

  const VitConfig config;
  torch::Tensor cls_token, pos_embed;                          ///< [1, 1, D], [1, 1 + L, D]
  std::shared_ptr<PatchEmbed> patch_embed;
  std::shared_ptr<VitBlocks> blocks;
  std::shared_ptr<LayerNorm> norm, fc_norm;                   ///< one of them, by global_pool
  std::shared_ptr<Linear> head;
};

}  // namespace defound
