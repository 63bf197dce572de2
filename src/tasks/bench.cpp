#include "defound/tasks/bench.h"

namespace defound {

void BenchConfig::visit(Visitor& v) {
  v(field("threads", "threads for computing").range(1, 1024), threads);
  v(field("precision", "fp32 or bf16").one_of({"fp32", "bf16"}), precision);
  v(field("repeats", "timed runs; the median is reported").range(1, 10000), repeats);
  v(field("device", "cpu, cuda or cuda:N"), device);
  v(field("profile", "one more run, on a CPU: the share of its time by LibTorch operator, without those that it calls"), profile);
}

void BenchPretrainConfig::visit(Visitor& v) {
  BenchConfig::visit(v);
  v(field("model", "MAE size").one_of({"tiny", "small", "base", "large"}), model);
  v(field("batch", "images a step, of each process").range(1, 65536), batch);
}

void BenchFinetuneConfig::visit(Visitor& v) {
  BenchConfig::visit(v);
  v(field("model", "vision transformer, timm's name"), model);
  v(field("batch", "images a step").range(1, 65536), batch);
}

void BenchLoaderConfig::visit(Visitor& v) {
  BenchConfig::visit(v);
  v(field("data", "folder of images"), data);
  v(field("num_workers", "decoding threads").range(1, 256), num_workers);
  v(field("size", "side of the crop in pixels").range(1, 4096), size);
  v(field("batch", "images a batch").range(1, 65536), batch);
  v(field("seconds", "how long to measure").range(0.1, 3600), seconds);
}

void BenchDenoiseConfig::visit(Visitor& v) {
  BenchConfig::visit(v);
  v(field("unet", "sd1 (Stable Diffusion 1.x, 512 px) or mid (256 px, less width)").one_of({"sd1", "mid"}), unet);
  v(field("batch", "images a call").range(1, 4096), batch);
  v(field("channels_last", "channels-last memory layout"), channels_last);
}

void BenchSampleConfig::visit(Visitor& v) {
  BenchConfig::visit(v);
  v(field("batch", "images together").range(1, 4096), batch);
  v(field("size", "side in pixels").range(8, 4096), size);
  v(field("steps", "DDIM steps").range(1, 1000), steps);
  v(field("guidance_scale", "weight of classifier-free guidance").range(0, 100), guidance_scale);
}

void BenchSynthesizePlanConfig::visit(Visitor& v) {
  v(field("rows", "images of the job").range(3, 1e8), rows);
  v(field("parts", "parts that it is shared out into, made one after the other").range(1, 100000), parts);
  v(field("format", "folder or shards").one_of({"folder", "shards"}), format);
  v(field("images_per_shard", "images of a shard").range(1, 1000000), images_per_shard);
  v(field("size", "side of the picture that stands in for all images, in pixels").range(2, 4096), size);
  v(field("output", "fresh folder for the set, which stays there"), output);
}

}  // namespace defound
