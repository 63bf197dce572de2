#include "defound/models/sample_images.h"

#include "defound/core/error.h"
#include "defound/tensor/random_tensor.h"

namespace defound {

torch::Tensor sample_latents(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options) {
  if (labels.size() != seeds.size()) reject("{} labels but {} seeds", labels.size(), seeds.size());
  torch::NoGradGuard no_grad;
  UNet2DConditionModel& unet = *generator.model->unet;
  const auto type = unet.dtype() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;  // half precision adds up in fp32
  const auto place = torch::TensorOptions(type).device(unet.device());
  const torch::Tensor label_tensor = torch::tensor(std::vector<int64_t>(labels.begin(), labels.end()), torch::kInt64);
  const torch::Tensor conditional = generator.model->condition->forward(label_tensor);                            // [N, tokens, D]
  const torch::Tensor unconditional = generator.model->condition->forward(torch::full_like(label_tensor, -1));
  const Denoiser denoiser = [&](const torch::Tensor& latents, double timestep, const torch::Tensor& context) {
    return unet.forward(latents, torch::full({1}, timestep, place.dtype(torch::kFloat64)), context).to(type);
  };
  const Draws draws(0, "sample_images");  // the rows' seeds are the ids
  const auto sampler = make_sampler(options.sampler, NoiseSchedule(generator.scheduler));
  const StepNoise noise = step_noise(draws, {seeds.begin(), seeds.end()});
  torch::Tensor latents = random_normal(draws.purpose("start"), seeds, generator.latent_shape()).to(place).contiguous(torch::MemoryFormat::ChannelsLast);
  latents = latents * sampler->init_noise_sigma();
  for (size_t i = 0; i < sampler->timesteps().size(); ++i) {
    const torch::Tensor input = sampler->scale_input(latents, i);
    const torch::Tensor prediction = guided_prediction(denoiser, input, sampler->timesteps()[i], conditional, unconditional, options.guidance);
    latents = sampler->step(prediction, i, latents, noise);
  }
  return latents;
}

torch::Tensor sample_images(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options) {
  return generator.decode(sample_latents(generator, labels, seeds, options)).to(torch::kCPU);
}

}  // namespace defound
