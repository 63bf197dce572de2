#include "bench_profile.h"
#include "defound/models/unet_2d_condition.h"
#include "defound/nn/initialize.h"
#include "defound/tasks/bench_timing.h"
#include "defound/tensor/device.h"

namespace defound {
namespace {

/// The shapes of the Python yardstick: Stable Diffusion 1.x, or its blocks at a quarter of the pixels and less width.
UNet2DConditionConfig bench_unet(const std::string& name) {
  UNet2DConditionConfig config;
  const bool is_sd1 = name == "sd1";
  config.sample_size = is_sd1 ? 64 : 32;
  config.cross_attention_dim = is_sd1 ? 768 : 512;
  if (!is_sd1) config.block_out_channels = {128, 256, 512, 512};
  return config;
}

}  // namespace

Json bench_denoise(BenchDenoiseConfig& config) {
  const torch::Device device = parse_device(config.device);
  const torch::Dtype dtype = parse_precision(config.precision);
  torch::NoGradGuard no_grad;
  UNet2DConditionModel unet(bench_unet(config.unet));
  initialize(unet, Draws(0, "bench"));
  unet.to(device, dtype);
  const int64_t side = unet.config().sample_size.value();
  const auto place = torch::TensorOptions(dtype).device(device);
  torch::Tensor latents = torch::randn({config.batch, unet.config().in_channels, side, side}, place);
  const torch::Tensor context = torch::randn({config.batch, 77, unet.config().cross_attention_dim}, place);
  const torch::Tensor timestep = torch::full({1}, 500, place.dtype(torch::kInt64));
  if (config.channels_last) {
    to_channels_last(unet);
    latents = latents.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  pack_weights(unet);
  const auto call = [&] { unet.forward(latents, timestep, context); };
  const double seconds = median_seconds(config, call, 1);
  Json row = bench_row(config, "defound UNet2DConditionModel", config.batch, seconds);
  row["parameters"] = parameter_count(unet);
  if (config.profile) row["profile"] = profile_of(call);
  return row;
}

}  // namespace defound
