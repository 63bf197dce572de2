#pragma once
#include "defound/config/json.h"

namespace defound {

/// Options that all benchmarks share; the words and the printed keys are those of the Python yardsticks.
struct BenchConfig : Config {
  int64_t threads = 2, repeats = 5;
  std::string precision = "fp32", device = "cpu";
  bool profile = false;
  void visit(Visitor& v) override;
};
struct BenchPretrainConfig : BenchConfig {
  std::string model = "base";
  int64_t batch = 16;
  void visit(Visitor& v) override;
};
struct BenchFinetuneConfig : BenchConfig {
  std::string model = "vit_base_patch16_224";
  int64_t batch = 16;
  void visit(Visitor& v) override;
};
struct BenchLoaderConfig : BenchConfig {
  std::string data;
  int64_t num_workers = 2, size = 224, batch = 64;
  double seconds = 15;
  void visit(Visitor& v) override;
};
struct BenchDenoiseConfig : BenchConfig {
  std::string unet = "mid";
  int64_t batch = 2;
  bool channels_last = true;
  void visit(Visitor& v) override;
};
struct BenchSampleConfig : BenchConfig {
  int64_t batch = 16, size = 32, steps = 20;
  double guidance_scale = 3;
  void visit(Visitor& v) override;
};
struct BenchSynthesizePlanConfig : Config {
  int64_t rows = 100000, parts = 1, images_per_shard = 1000, size = 8;
  std::string format = "shards", output;
  void visit(Visitor& v) override;
};

/// Each measures one piece of work and returns the row to print: the options, step_seconds (median), images_per_second.
Json bench_pretrain(BenchPretrainConfig& config);
Json bench_finetune(BenchFinetuneConfig& config);
Json bench_loader(BenchLoaderConfig& config);
Json bench_denoise(BenchDenoiseConfig& config);
Json bench_sample(BenchSampleConfig& config);
/// A job of config.rows images without its network: seconds of making, merging and starting again, and the peak of memory.
Json bench_synthesize_plan(BenchSynthesizePlanConfig& config);

}  // namespace defound
