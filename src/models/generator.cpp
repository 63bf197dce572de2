#include "defound/models/generator.h"

#include "defound/core/error.h"
#include "defound/nn/initialize.h"
#include "defound/nn/packed_weight.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

torch::Dtype type_of(const torch::nn::Module& module) { return module.parameters().front().scalar_type(); }

}  // namespace

ConditionalUNet::ConditionalUNet(const UNet2DConditionConfig& unet_config, std::shared_ptr<Condition> its_condition)
    : unet(register_module("unet", std::make_shared<UNet2DConditionModel>(unet_config))),
      condition(register_module("condition", std::move(its_condition))) {
  if (unet_config.cross_attention_dim != condition->width())
    reject("cross_attention_dim is {} in the UNet but {} in its condition", unet_config.cross_attention_dim, condition->width());
}

torch::Tensor ConditionalUNet::forward(const torch::Tensor& noisy, const torch::Tensor& timesteps, std::span<const std::string> requests) {
  return unet->forward(noisy, timesteps, condition->encode(requests, unet->device()));
}

Generator Generator::make(const UNet2DConditionConfig& unet, const LabelTableConfig& condition, const SchedulerConfig& scheduler,
                          std::shared_ptr<AutoencoderKL> vae, const Draws& draws) {
  if (!unet.sample_size) reject("the UNet's sample_size is not set; it is the side of the latents");
  if (unet.in_channels != unet.out_channels) reject("the UNet has {} in_channels but {} out_channels; a generator needs equally many", unet.in_channels, unet.out_channels);
  const int64_t channels = vae ? vae->config().latent_channels : 3;
  if (unet.in_channels != channels)
    reject("the UNet has {} in_channels; {} are {}", unet.in_channels, vae ? "the autoencoder's latents" : "pixels without an autoencoder", channels);
  auto table = std::make_shared<LabelTable>(condition);
  table->draw(draws.purpose("condition"));
  Generator generator{std::make_shared<ConditionalUNet>(unet, table), std::move(vae), scheduler};
  initialize(*generator.model->unet, draws.purpose("unet"));
  return generator;
}

int64_t Generator::resolution() const { return latent_shape()[1] * (vae ? vae->reduction() : 1); }

std::vector<int64_t> Generator::latent_shape() const {
  const UNet2DConditionConfig& config = model->unet->config();
  const int64_t side = config.sample_size.value();
  return {config.in_channels, side, side};
}

void Generator::to(torch::Device device, torch::Dtype dtype) {
  model->to(device, dtype);
  to_channels_last(*model);
  if (!vae) return;
  vae->to(device, dtype);
  to_channels_last(*vae);
}

void Generator::pack_weights() {
  defound::pack_weights(*model);
  if (vae) defound::pack_weights(*vae);
}

torch::Tensor Generator::encode(const torch::Tensor& images, const Draws& draws, std::span<const uint64_t> ids) {
  return vae ? draw_latents(latent_gaussian(images), draws, ids) : images;
}

LatentGaussian Generator::latent_gaussian(const torch::Tensor& images) {
  torch::NoGradGuard no_grad;
  return vae->encode(images.to(type_of(*vae)).contiguous(torch::MemoryFormat::ChannelsLast));
}

torch::Tensor Generator::draw_latents(const LatentGaussian& gaussian, const Draws& draws, std::span<const uint64_t> ids) const {
  torch::NoGradGuard no_grad;
  const torch::Tensor noise = random_normal(draws, ids, gaussian.mean.sizes().slice(1)).to(gaussian.mean.device());
  const LatentGaussian precise{gaussian.mean.to(torch::kFloat32), gaussian.logvar.to(torch::kFloat32)};
  return precise.sample(noise) * vae->config().scaling_factor;
}

torch::Tensor Generator::decode(const torch::Tensor& latents) {
  torch::NoGradGuard no_grad;
  torch::Tensor images = latents;
  if (vae) images = vae->decode((latents / vae->config().scaling_factor).to(type_of(*vae)).contiguous(torch::MemoryFormat::ChannelsLast));
  return (images.to(torch::kFloat32) / 2 + 0.5).clamp(0, 1).contiguous();
}

}  // namespace defound
