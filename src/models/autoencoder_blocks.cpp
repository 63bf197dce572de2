#include "defound/models/autoencoder_blocks.h"

#include "defound/nn/attend.h"

namespace defound {

PixelAttention::PixelAttention(int64_t channels, int64_t groups)
    : group_norm_(register_module("group_norm", std::make_shared<GroupNorm>(groups, channels, kAutoencoderNormEps))),
      to_q_(register_module("to_q", std::make_shared<Linear>(channels, channels))),
      to_k_(register_module("to_k", std::make_shared<Linear>(channels, channels))),
      to_v_(register_module("to_v", std::make_shared<Linear>(channels, channels))),
      to_out_(register_module("to_out", std::make_shared<BlockList<Linear>>())) {
  to_out_->add(channels, channels);
}

torch::Tensor PixelAttention::forward(const torch::Tensor& x) {
  const torch::Tensor tokens = group_norm_->forward(x).permute({0, 2, 3, 1}).flatten(1, 2);  // [N, H W, C]
  const torch::Tensor mixed = attend_heads(to_q_->forward(tokens), to_k_->forward(tokens), to_v_->forward(tokens), 1);
  return x + (*to_out_)[0].forward(mixed).unflatten(1, {x.size(2), x.size(3)}).permute({0, 3, 1, 2});
}

AutoencoderMidBlock::AutoencoderMidBlock(int64_t channels, int64_t groups, bool attention) {
  if (attention) attentions_ = register_module("attentions", std::make_shared<BlockList<PixelAttention>>());
  if (attention) attentions_->add(channels, groups);
  resnets_ = register_module("resnets", std::make_shared<BlockList<ResnetBlock2D>>());
  for (int i = 0; i < 2; ++i) resnets_->add(ResnetBlockOptions{.in_channels = channels, .out_channels = channels, .groups = groups, .eps = kAutoencoderNormEps});
}

torch::Tensor AutoencoderMidBlock::forward(torch::Tensor x) {
  x = (*resnets_)[0].forward(x);
  if (attentions_) x = (*attentions_)[0].forward(x);
  return (*resnets_)[1].forward(x);
}

AutoencoderBlock::AutoencoderBlock(int64_t in_channels, int64_t out_channels, int64_t layers, int64_t groups, Resample resample)
    : resnets_(register_module("resnets", std::make_shared<BlockList<ResnetBlock2D>>())) {
  for (int64_t i = 0; i < layers; ++i)
    resnets_->add(ResnetBlockOptions{.in_channels = i == 0 ? in_channels : out_channels, .out_channels = out_channels, .groups = groups, .eps = kAutoencoderNormEps});
  if (resample == Resample::kDown) {
    downsamplers_ = register_module("downsamplers", std::make_shared<BlockList<Downsample2D>>());
    downsamplers_->add(out_channels, 0);
  } else if (resample == Resample::kUp) {
    upsamplers_ = register_module("upsamplers", std::make_shared<BlockList<Upsample2D>>());
    upsamplers_->add(out_channels);
  }
}

torch::Tensor AutoencoderBlock::forward(torch::Tensor x) {
  for (const auto& resnet : *resnets_) x = resnet->forward(x);
  if (downsamplers_) return (*downsamplers_)[0].forward(x);
  return upsamplers_ ? (*upsamplers_)[0].forward(x) : x;
}

}  // namespace defound
