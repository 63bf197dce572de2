#include "defound/models/transformer_2d.h"

#include "defound/nn/attend.h"

namespace defound {

CrossAttention::CrossAttention(int64_t width, int64_t context_width, int64_t heads)
    : to_q_(register_module("to_q", std::make_shared<Linear>(width, width, false))),
      to_k_(register_module("to_k", std::make_shared<Linear>(context_width, width, false))),
      to_v_(register_module("to_v", std::make_shared<Linear>(context_width, width, false))),
      to_out_(register_module("to_out", std::make_shared<BlockList<Linear>>())),
      heads_(heads) {
  to_out_->add(width, width);
}

torch::Tensor CrossAttention::forward(const torch::Tensor& x, const torch::Tensor& context) {
  const auto [keys, values] = keys_and_values(context, /*stays=*/!context.is_same(x));
  return (*to_out_)[0].forward(attend_heads(to_q_->forward(x), keys, values, heads_));
}

std::pair<torch::Tensor, torch::Tensor> CrossAttention::keys_and_values(const torch::Tensor& context, bool stays) {
  const auto is_packed = [](const Linear& layer) { return !layer.lora_A && layer.packed.is_of(layer.weight); };
  const bool keeps = stays && to_k_->packed.serves(context, to_k_->weight) && to_v_->packed.serves(context, to_v_->weight);
  if (keeps && context.is_same(context_) && is_packed(*to_k_) && is_packed(*to_v_)) return seen_;
  std::pair result{to_k_->forward(context), to_v_->forward(context)};
  if (keeps) context_ = context, seen_ = result;
  return result;
}

BasicTransformerBlock::BasicTransformerBlock(int64_t width, int64_t heads, int64_t cross_attention_dim)
    : norm1_(register_module("norm1", std::make_shared<LayerNorm>(width))),
      attn1_(register_module("attn1", std::make_shared<CrossAttention>(width, width, heads))),
      norm2_(register_module("norm2", std::make_shared<LayerNorm>(width))),
      attn2_(register_module("attn2", std::make_shared<CrossAttention>(width, cross_attention_dim, heads))),
      norm3_(register_module("norm3", std::make_shared<LayerNorm>(width))),
      ff_(register_module("ff", std::make_shared<GegluFeedForward>(width))) {}

torch::Tensor BasicTransformerBlock::forward(const torch::Tensor& tokens, const torch::Tensor& context) {
  const torch::Tensor normed = norm1_->forward(tokens);
  torch::Tensor hidden = tokens + attn1_->forward(normed, normed);
  hidden = hidden + attn2_->forward(norm2_->forward(hidden), context);
  return hidden + ff_->forward(norm3_->forward(hidden));
}

Transformer2D::Transformer2D(const Transformer2DOptions& o)
    : norm_(register_module("norm", std::make_shared<GroupNorm>(o.groups, o.channels, 1e-6))) {
  if (o.use_linear_projection) {
    linear_in_ = register_module("proj_in", std::make_shared<Linear>(o.channels, o.channels));
    linear_out_ = register_module("proj_out", std::make_shared<Linear>(o.channels, o.channels));
  } else {
    conv_in_ = register_module("proj_in", std::make_shared<Conv2d>(o.channels, o.channels, 1));
    conv_out_ = register_module("proj_out", std::make_shared<Conv2d>(o.channels, o.channels, 1));
  }
  transformer_blocks_ = register_module("transformer_blocks", std::make_shared<BlockList<BasicTransformerBlock>>());
  for (int64_t i = 0; i < o.layers; ++i) transformer_blocks_->add(o.channels, o.heads, o.cross_attention_dim);
}

torch::Tensor Transformer2D::forward(const torch::Tensor& x, const torch::Tensor& context) {
  const auto project = [](const std::shared_ptr<Linear>& linear, const std::shared_ptr<Conv2d>& conv, const torch::Tensor& tokens) {
    return linear ? linear->forward(tokens) : conv->of_tokens(tokens);
  };
  torch::Tensor tokens = norm_->forward(x).permute({0, 2, 3, 1}).flatten(1, 2);                    // [N, H W, C]
  tokens = project(linear_in_, conv_in_, tokens);
  for (const auto& block : *transformer_blocks_) tokens = block->forward(tokens, context);
  tokens = project(linear_out_, conv_out_, tokens);
  return x + tokens.unflatten(1, {x.size(2), x.size(3)}).permute({0, 3, 1, 2});                    // [N, C, H, W]
}

}  // namespace defound
