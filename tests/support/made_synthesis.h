#pragma once
#include <fmt/format.h>

#include <map>
#include <ostream>
#include <sstream>
#include <string>

#include "defound/core/files.h"
#include "defound/core/random.h"
#include "defound/tasks/synthesize.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// Draws small random pictures that depend on the request and the seed only; `useless` says which seeds give none.
inline SynthesisGenerator made_up_generator(std::function<bool(uint64_t seed)> useless = {}) {
  SynthesisGenerator generator;
  generator.name = "made up", generator.hash = "0123456789abcdef";
  generator.labels = {"healthy", "ill"};
  generator.request_for = [](const std::string& label) { return label; };
  generator.resolution = 6;
  generator.draw = [useless](std::span<const std::string> requests, std::span<const uint64_t> seeds) {
    std::vector<Image> images;
    for (size_t n = 0; n < seeds.size(); ++n) {
      if (useless && useless(seeds[n])) {
        images.emplace_back(6, 6, 7);
        continue;
      }
      Image image(6, 6);
      RandomStream stream = Draws(seeds[n], requests[n]).stream(0);
      for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(stream.below(256));
      images.push_back(std::move(image));
    }
    return images;
  };
  return generator;
}

/// Jobs of such a generator, in this process.
struct MadeSynthesis {
  TempFolder folder;
  SynthesisGenerator generator = made_up_generator();
  SynthesizeConfig config;

  MadeSynthesis() {
    config.count = {"healthy=23", "ill=14"};
    config.batch_size = 4, config.images_per_shard = 5;
    config.run.resume = "auto";
    config.execution.log_level = "error";
  }
  ExitCode run(const std::string& output, const std::string& part = "", bool merge = false) {
    SynthesizeConfig job = config;
    job.run.output = (folder / output).string(), job.part = part, job.merge = merge;
    std::ostringstream out;
    return synthesize(job, generator, "test", out);
  }
  void run_parts(const std::string& output, int64_t count) {
    for (int64_t i = count - 1; i >= 0; --i) run(output, fmt::format("{}/{}", i, count));
    run(output, "", true);
  }
  /// Images, shards and the manifest: every file by its path, with its content; hidden files too, but the lock.
  std::map<std::string, std::string> product(const std::string& output) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder / output)) {
      const std::string name = entry.path().lexically_relative(folder / output).string();
      const bool of_the_run = name.starts_with("parts") || name == "config.json" || name == "provenance.json" ||
                              name == "log.txt" || name == "DONE" || name == "report.html" || name == ".lock" ||
                              name == "redrawn.csv";
      if (entry.is_regular_file() && !of_the_run) files[name] = read_text(entry.path());
    }
    return files;
  }
  /// Every file's time of writing.
  std::map<std::string, fs::file_time_type> times(const std::string& output) const {
    std::map<std::string, fs::file_time_type> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder / output))
      found[entry.path().string()] = fs::last_write_time(entry.path());
    return found;
  }
};

}  // namespace defound::testing
