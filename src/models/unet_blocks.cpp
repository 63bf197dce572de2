#include "defound/models/unet_blocks.h"

#include "defound/nn/checkpointed.h"

namespace defound {
namespace {

template <class Block>
std::shared_ptr<BlockList<Block>> list(torch::nn::Module& parent, const char* name) {
  return parent.register_module(name, std::make_shared<BlockList<Block>>());
}

ResnetBlockOptions with_channels(ResnetBlockOptions options, int64_t in_channels, int64_t out_channels) {
  options.in_channels = in_channels;
  options.out_channels = out_channels;
  return options;
}

Transformer2DOptions with_channels(Transformer2DOptions options, int64_t channels) {
  options.channels = channels;
  return options;
}

/// layer(x, other), where `other` is the time or the condition.
template <class Layer>
torch::Tensor run_layer(const UNetBlock& block, Layer& layer, const torch::Tensor& x, const torch::Tensor& other) {
  if (!block.recompute) return layer.forward(x, other);
  return checkpointed(layer, [&layer](const std::vector<torch::Tensor>& inputs) { return layer.forward(inputs[0], inputs[1]); }, {x, other});
}

torch::Tensor pop(std::vector<torch::Tensor>& skips) {
  torch::Tensor last = skips.back();
  skips.pop_back();
  return last;
}

}  // namespace

UNetDownBlock::UNetDownBlock(const UNetBlockOptions& o) {
  const int64_t out = o.resnet.out_channels;
  if (o.cross_attention) attentions_ = list<Transformer2D>(*this, "attentions");
  resnets_ = list<ResnetBlock2D>(*this, "resnets");
  for (int64_t i = 0; i < o.layers; ++i) {
    resnets_->add(with_channels(o.resnet, i == 0 ? o.resnet.in_channels : out, out));
    if (o.cross_attention) attentions_->add(with_channels(o.transformer, out));
  }
  if (!o.resample) return;
  downsamplers_ = list<Downsample2D>(*this, "downsamplers");
  downsamplers_->add(out, o.downsample_padding);
}

torch::Tensor UNetDownBlock::forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context, std::vector<torch::Tensor>& skips) {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = run_layer(*this, (*resnets_)[i], x, time);
    if (attentions_) x = run_layer(*this, (*attentions_)[i], x, context);
    skips.push_back(x);
  }
  if (!downsamplers_) return x;
  x = (*downsamplers_)[0].forward(x);  // [N, C, H/2, W/2]
  skips.push_back(x);
  return x;
}

UNetMidBlock::UNetMidBlock(const UNetBlockOptions& o) : attentions_(list<Transformer2D>(*this, "attentions")), resnets_(list<ResnetBlock2D>(*this, "resnets")) {
  const int64_t channels = o.resnet.out_channels;
  attentions_->add(with_channels(o.transformer, channels));
  for (int i = 0; i < 2; ++i) resnets_->add(with_channels(o.resnet, channels, channels));
}

torch::Tensor UNetMidBlock::forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context) {
  x = run_layer(*this, (*resnets_)[0], x, time);
  x = run_layer(*this, (*attentions_)[0], x, context);
  return run_layer(*this, (*resnets_)[1], x, time);
}

UNetUpBlock::UNetUpBlock(const UNetBlockOptions& o) {
  const int64_t out = o.resnet.out_channels;
  if (o.cross_attention) attentions_ = list<Transformer2D>(*this, "attentions");
  resnets_ = list<ResnetBlock2D>(*this, "resnets");
  for (int64_t i = 0; i < o.layers; ++i) {
    const int64_t skip = i == o.layers - 1 ? o.skip_channels : out;
    resnets_->add(with_channels(o.resnet, (i == 0 ? o.resnet.in_channels : out) + skip, out));
    if (o.cross_attention) attentions_->add(with_channels(o.transformer, out));
  }
  if (!o.resample) return;
  upsamplers_ = list<Upsample2D>(*this, "upsamplers");
  upsamplers_->add(out);
}

torch::Tensor UNetUpBlock::forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context, std::vector<torch::Tensor>& skips) {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = run_layer(*this, (*resnets_)[i], torch::cat({x, pop(skips)}, 1), time);  // [N, C + skip, H, W]
    if (attentions_) x = run_layer(*this, (*attentions_)[i], x, context);
  }
  return upsamplers_ ? (*upsamplers_)[0].forward(x, skips.back().sizes().slice(2)) : x;
}

}  // namespace defound
