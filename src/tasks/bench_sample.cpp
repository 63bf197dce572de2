#include <numeric>

#include "bench_profile.h"
#include "defound/models/sample_images.h"
#include "defound/nn/initialize.h"
#include "defound/tasks/bench_timing.h"
#include "defound/tensor/device.h"

namespace defound {
namespace {

/// The pixel-space UNet of the Python yardstick.
UNet2DConditionConfig bench_unet(int64_t size) {
  UNet2DConditionConfig config;
  config.sample_size = size;
  config.in_channels = config.out_channels = 3;
  config.block_out_channels = {64, 128, 256};
  config.layers_per_block = {1};
  config.down_block_types = {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"};
  config.up_block_types = {"CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"};
  config.cross_attention_dim = 128;
  return config;
}

}  // namespace

Json bench_sample(BenchSampleConfig& config) {
  LabelTableConfig table;
  table.labels = {"healthy", "ill"};
  table.tokens = 8;
  table.cross_attention_dim = 128;
  Generator generator = Generator::make(bench_unet(config.size), table, {}, nullptr, Draws(0, "bench"));
  generator.to(parse_device(config.device), parse_precision(config.precision));
  pack_weights(*generator.model->unet);
  const size_t batch = static_cast<size_t>(config.batch);
  const std::vector<int64_t> labels(batch, 0);
  std::vector<uint64_t> seeds(batch);
  std::iota(seeds.begin(), seeds.end(), uint64_t{0});
  SampleOptions options;
  options.sampler.steps = config.steps;
  options.guidance.guidance_scale = config.guidance_scale;
  const auto sample = [&] { sample_images(generator, labels, seeds, options); };
  const double seconds = median_seconds(config, sample, 1);
  Json row = bench_row(config, "defound DDIM", config.batch, seconds);
  row["parameters"] = parameter_count(*generator.model->unet);
  if (config.profile) row["profile"] = profile_of(sample);
  return row;
}

}  // namespace defound
