#include "defound/models/sample_images.h"

#include "defound/core/error.h"
#include "defound/core/stop.h"
#include "defound/core/stopwatch.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

std::vector<std::string> requests_of(const Generator& generator, std::span<const int64_t> labels) {
  const std::vector<std::string> names = generator.labels();
  std::vector<std::string> requests;
  for (const int64_t label : labels) {
    if (label >= static_cast<int64_t>(names.size())) reject("the generator knows {} labels; there is none of number {}", names.size(), label);
    requests.push_back(label < 0 ? "" : generator.model->condition->request_for(names[static_cast<size_t>(label)]));
  }
  return requests;
}

/// Runs `work`, and adds what it took where somebody wants to know.
template <class Work>
auto timed(const SampleOptions& options, double SampleTimes::*phase, torch::Device device, const Work& work) {
  const Stopwatch watch;
  auto result = work();
  if (!options.times) return result;
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
  options.times->*phase += watch.seconds();
  return result;
}

}  // namespace

torch::Tensor sample_latents(Generator& generator, std::span<const std::string> requests, const torch::Tensor& start, const StepNoise& noise,
                             const SampleOptions& options) {
  torch::NoGradGuard no_grad;
  UNet2DConditionModel& unet = *generator.model->unet;
  const auto type = unet.dtype() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;  // half precision adds up in fp32
  const auto place = torch::TensorOptions(type).device(unet.device());
  const auto [conditional, both] = timed(options, &SampleTimes::text, unet.device(), [&] {                             // [N, tokens, D], [2 N, tokens, D]
    const torch::Tensor asked = generator.model->condition->encode(requests, unet.device()).to(unet.dtype());
    const torch::Tensor free = generator.model->condition->encode(std::vector<std::string>(requests.size()), unet.device()).to(unet.dtype());
    return std::pair{asked, torch::cat({free, asked})};
  });
  const Denoiser denoiser = [&](const torch::Tensor& latents, double timestep, const torch::Tensor& context) {
    return unet.forward(latents, torch::full({1}, timestep, place.dtype(torch::kFloat64)), context).to(type);
  };
  const auto sampler = make_sampler(options.sampler, NoiseSchedule(generator.scheduler));
  return timed(options, &SampleTimes::denoise, unet.device(), [&] {
    torch::Tensor latents = start.to(place).contiguous(torch::MemoryFormat::ChannelsLast) * sampler->init_noise_sigma();
    for (size_t i = 0; i < sampler->timesteps().size(); ++i) {
      if (options.may_stop && StopSignal::requested())
        throw Error(ExitCode::kSaved, fmt::format("stopped by {} while drawing; run the same command again with --resume auto", StopSignal::name()));
      const torch::Tensor input = sampler->scale_input(latents, i);
      const torch::Tensor prediction = guided_prediction(denoiser, input, sampler->timesteps()[i], conditional, both, options.guidance);
      latents = sampler->step(prediction, i, latents, noise);
    }
    return latents;
  });
}

torch::Tensor sample_latents(Generator& generator, std::span<const std::string> requests, std::span<const uint64_t> seeds, const SampleOptions& options) {
  if (requests.size() != seeds.size()) reject("{} requests but {} seeds", requests.size(), seeds.size());
  const Draws draws(0, "sample_images");  // the rows' seeds are the ids
  const torch::Tensor start = random_normal(draws.purpose("start"), seeds, generator.latent_shape());
  return sample_latents(generator, requests, start, step_noise(draws, {seeds.begin(), seeds.end()}), options);
}

torch::Tensor sample_images(Generator& generator, std::span<const std::string> requests, std::span<const uint64_t> seeds, const SampleOptions& options) {
  const torch::Tensor latents = sample_latents(generator, requests, seeds, options);
  return timed(options, &SampleTimes::decode, torch::kCPU, [&] {
    if (!options.vae_slicing) return generator.decode(latents).to(torch::kCPU);
    std::vector<torch::Tensor> images;
    for (int64_t n = 0; n < latents.size(0); ++n) images.push_back(generator.decode(latents.slice(0, n, n + 1)).to(torch::kCPU));
    return torch::cat(images);
  });
}

torch::Tensor sample_latents(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options) {
  return sample_latents(generator, requests_of(generator, labels), seeds, options);
}

torch::Tensor sample_images(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options) {
  return sample_images(generator, requests_of(generator, labels), seeds, options);
}

}  // namespace defound
