#pragma once
#include <torch/torch.h>

#include <memory>
#include <utility>

#include "defound/nn/block_list.h"
#include "defound/nn/geglu.h"
#include "defound/nn/layers.h"

namespace defound {

/// diffusers' Attention with keys to_q, to_k, to_v (no bias), to_out.0 (models/attention_processor.py).
class CrossAttention : public torch::nn::Module {
 public:
  CrossAttention(int64_t width, int64_t context_width, int64_t heads);
  /// x [N, L, D], context [N, M, context_width] -> [N, L, D]; self-attention: context = x.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& context);

 private:
  std::pair<torch::Tensor, torch::Tensor> keys_and_values(const torch::Tensor& context, bool stays);
  std::shared_ptr<Linear> to_q_, to_k_, to_v_;
  std::shared_ptr<BlockList<Linear>> to_out_;  // 0 is the layer; 1 is a dropout in diffusers
  int64_t heads_;
  torch::Tensor context_;                          // the last one that weights which stay as they are have seen,
  std::pair<torch::Tensor, torch::Tensor> seen_;   // and what they made of it: sampling asks again at every step
};

/// Self-attention, attention to the condition, gated feed-forward, each behind a LayerNorm (models/attention.py).
class BasicTransformerBlock : public torch::nn::Module {
 public:
  BasicTransformerBlock(int64_t width, int64_t heads, int64_t cross_attention_dim);
  torch::Tensor forward(const torch::Tensor& tokens, const torch::Tensor& context);

 private:
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<CrossAttention> attn1_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<CrossAttention> attn2_;
  std::shared_ptr<LayerNorm> norm3_;
  std::shared_ptr<GegluFeedForward> ff_;
};

struct Transformer2DOptions {
  int64_t channels = 0, heads = 8, layers = 1, cross_attention_dim = 768, groups = 32;
  bool use_linear_projection = false;
};

/// Pixels as tokens through transformer blocks, added to the input (models/transformers/transformer_2d.py):
/// norm, proj_in, transformer_blocks, proj_out. [N, C, H, W] and context [N, M, cross_attention_dim] -> [N, C, H, W].
class Transformer2D : public torch::nn::Module {
 public:
  explicit Transformer2D(const Transformer2DOptions& options);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& context);

 private:
  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<Linear> linear_in_, linear_out_;  // with use_linear_projection
  std::shared_ptr<Conv2d> conv_in_, conv_out_;      // else: 1x1 convolutions, which are the same product
  std::shared_ptr<BlockList<BasicTransformerBlock>> transformer_blocks_;
};

}  // namespace defound
