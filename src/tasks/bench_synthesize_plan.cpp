// A synthesis job without its network: what planning, writing, sharing out, merging and starting again cost.
#include <chrono>
#include <fstream>
#include <sstream>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/version.h"
#include "defound/data/load_table.h"
#include "defound/tasks/bench.h"
#include "defound/tasks/synthesize.h"

namespace defound {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The most memory that this process has had, in MB (VmHWM of /proc/self/status); 0 where that is not told.
double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1e3;
  return 0;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

/// One picture for every request.
SynthesisGenerator one_picture(int64_t side) {
  Image picture(side, side);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 7);
  SynthesisGenerator generator;
  generator.name = generator.hash = "one picture";
  generator.labels = {"healthy", "mild", "severe"};
  generator.request_for = [](const std::string& label) { return label; };
  generator.resolution = side;
  generator.draw = [picture](std::span<const std::string> requests, std::span<const uint64_t>) {
    return std::vector<Image>(requests.size(), picture);
  };
  return generator;
}

/// The options of the job, or of one of its parts.
SynthesizeConfig synthesis_config(const BenchSynthesizePlanConfig& config) {
  SynthesizeConfig job;
  const int64_t third = config.rows / 3;
  job.count = {fmt::format("healthy={}", config.rows - 2 * third), fmt::format("mild={}", third),
               fmt::format("severe={}", third)};
  job.format = config.format, job.images_per_shard = config.images_per_shard;
  job.batch_size = 64;
  job.run.output = config.output, job.run.resume = "auto";
  return job;
}

}  // namespace

Json bench_synthesize_plan(BenchSynthesizePlanConfig& config) {
  if (config.output.empty()) reject("--output is missing: a fresh folder for the set, which stays there");
  log::set_level("error");
  SynthesisGenerator generator = one_picture(config.size);
  std::ostringstream out;
  const auto run_job = [&](const std::string& part, bool merge) {
    SynthesizeConfig job = synthesis_config(config);
    job.part = part, job.merge = merge;
    synthesize(job, generator, "defound-bench synthesize_plan", out);
  };
  const auto run_parts = [&] {
    for (int64_t i = 0; i < config.parts; ++i) run_job(config.parts == 1 ? "" : fmt::format("{}/{}", i, config.parts), false);
  };
  Json row = {{"peer", "defound"}, {"version", version_text()}};
  row.update(to_json(config));
  row["start_peak_megabytes"] = peak_megabytes();
  row["make_seconds"] = seconds_of(run_parts);
  row["make_peak_megabytes"] = peak_megabytes();
  row["merge_seconds"] = config.parts == 1 ? 0 : seconds_of([&] { run_job("", true); });
  row["merge_peak_megabytes"] = peak_megabytes();
  row["done_start_seconds"] = seconds_of(run_parts);
  // as an interruption right before the end leaves it: every image is there, and DONE is not
  const fs::path last = config.parts == 1
                            ? fs::path(config.output)
                            : fs::path(config.output) / fmt::format("parts/{:05}-of-{:05}", config.parts - 1, config.parts);
  fs::remove(last / "DONE");
  row["second_start_seconds"] =
      seconds_of([&] { run_job(config.parts == 1 ? "" : fmt::format("{0}/{1}", config.parts - 1, config.parts), false); });
  row["second_start_peak_megabytes"] = peak_megabytes();
  row["bytes"] = bytes_below(config.output);
  DataOptions data;
  data.data = {(fs::path(config.output) / "manifest.csv").string()};
  row["read_seconds"] = seconds_of([&] { row["rows_read"] = load_table(data).size(); });
  row["read_peak_megabytes"] = peak_megabytes();
  return row;
}

}  // namespace defound
