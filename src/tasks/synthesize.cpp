#include "defound/tasks/synthesize.h"

#include <fmt/ranges.h>

#include <charconv>
#include <map>
#include <ostream>

#include "defound/core/files.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/data/csv.h"
#include "defound/data/load_table.h"
#include "defound/image/image_io.h"
#include "defound/image/normalize.h"
#include "defound/models/flops.h"
#include "defound/models/sample_images.h"
#include "defound/run/report.h"
#include "defound/run/run_dir.h"
#include "defound/tasks/plan.h"
#include "defound/tensor/device.h"

namespace defound {
namespace {

constexpr int64_t kFilesPerFolder = 10000, kReportImages = 8, kMostOfALabel = 10000000;

/// The images of one request.
struct RequestedSet {
  std::string label;     ///< "": of a prompt that is no label's
  std::string request;   ///< what the generator is asked for
  std::string folder;    ///< below the output folder; the files' names begin with it too
  int64_t count = 0;
};

/// One image to be made.
struct PlannedImage {
  size_t set = 0;
  uint64_t seed = 0;
  std::string path;   ///< below the output folder
};

int64_t parse_count(const std::string& text, const std::string& origin) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostOfALabel)
    reject("{}: '{}' is not a number of images from 0 to {}", origin, text, kMostOfALabel);
  return value;
}

/// Images to make of each label.
std::vector<int64_t> counts_per_label(const SynthesizeConfig& config, const std::vector<std::string>& names) {
  std::vector<int64_t> counts(names.size(), 0);
  if (config.balance_to > 0) {
    const ImageTable table = load_table(config.data, {.classes = names});
    const auto there = class_counts(table);
    for (size_t i = 0; i < names.size(); ++i) counts[i] = std::max<int64_t>(0, config.balance_to - there[i]);
    return counts;
  }
  if (config.count.empty() && config.prompt.empty())
    reject("how many images? Give --count N, --count LABEL=N for each label ({}), --balance_to N with --data, or --prompt TEXT=N", fmt::join(names, ", "));
  for (const auto& item : config.count) {
    const size_t equals = item.rfind('=');
    if (equals != std::string::npos) counts[index_of_label(item.substr(0, equals), names)] = parse_count(item.substr(equals + 1), "--count " + item);
    else if (names.empty()) reject("--count {}: the generator knows no labels; use --prompt TEXT=N", item);
    else std::fill(counts.begin(), counts.end(), parse_count(item, "--count " + item));
  }
  return counts;
}

/// What is to be made: the labels in their order, then the prompts in theirs.
std::vector<RequestedSet> requested_sets(const SynthesizeConfig& config, const Condition& condition) {
  const std::vector<std::string> labels = condition.labels();
  const std::vector<int64_t> counts = counts_per_label(config, labels);
  std::vector<RequestedSet> sets;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].starts_with('.') || labels[i].find('/') != std::string::npos) reject("label '{}' cannot be the name of a folder", labels[i]);
    sets.push_back({labels[i], condition.request_for(labels[i]), labels[i], counts[i]});
  }
  if (!config.prompt.empty() && !condition.reads_text()) reject("--prompt: the generator {} knows labels only; use --count LABEL=N", config.generator);
  for (const auto& item : config.prompt) {
    const size_t equals = item.rfind('=');
    if (equals == std::string::npos) reject("--prompt {}: expected TEXT=N", item);
    sets.push_back({"", item.substr(0, equals), fmt::format("prompt_{:03}", sets.size() - labels.size()), parse_count(item.substr(equals + 1), "--prompt " + item)});
  }
  return sets;
}

/// The rows, set by set; an image's seed depends on --seed, its label or prompt, and its number only.
std::vector<PlannedImage> plan_images(const SynthesizeConfig& config, const std::vector<RequestedSet>& sets) {
  std::vector<PlannedImage> plan;
  for (size_t set = 0; set < sets.size(); ++set) {
    const auto& [label, request, name, count] = sets[set];
    const Draws seeds = Draws(static_cast<uint64_t>(config.run.seed), "synthesize").purpose(label.empty() ? "prompt: " + request : label);
    for (int64_t i = 0; i < count; ++i) {
      const std::string folder = count > kFilesPerFolder ? fmt::format("{}/{:04}", name, i / kFilesPerFolder) : name;
      RandomStream stream = seeds.stream(static_cast<uint64_t>(i));
      const uint64_t high = stream.bits(), low = stream.bits();
      plan.push_back({set, (high << 31) ^ low, fmt::format("{}/{}_{:06}.{}", folder, name, i, config.image_format)});
    }
  }
  return plan;
}

/// The plan as a manifest: every row that there will be.
std::string manifest_text(const std::vector<PlannedImage>& plan, const std::vector<RequestedSet>& sets, const std::string& generator_hash) {
  std::string text = csv_line({"path", "label", "split", "prompt", "source", "seed", "generator"});
  for (const PlannedImage& image : plan)
    text += csv_line({image.path, sets[image.set].label, "train", sets[image.set].request, "synthetic", std::to_string(image.seed), generator_hash});
  return text;
}

/// Identifies the generator: all its files but those that only describe it.
std::string hash_generator(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return sha256_file(folder).substr(0, 16);
  std::map<std::string, std::string> hashes;
  for (const char* part : {"unet", "vae", "condition", "text_encoder", "tokenizer", "scheduler"})
    if (is_there(folder / part))
      for (const auto& file : fs::directory_iterator(folder / part))
        if (file.is_regular_file()) hashes[fmt::format("{}/{}", part, file.path().filename().string())] = sha256_file(file.path());
  std::string text;
  for (const auto& [name, hash] : hashes) text += name + " " + hash + "\n";
  return sha256(text).substr(0, 16);
}

bool is_constant(const Image& image) {
  return std::all_of(image.pixels.begin(), image.pixels.end(), [&](uint8_t value) { return value == image.pixels.front(); });
}

/// Makes the rows `missing` of the plan, batch by batch; false when a signal stopped it.
bool make_images(Generator& generator, const SynthesizeConfig& config, const fs::path& folder, const std::vector<RequestedSet>& sets,
                 const std::vector<PlannedImage>& plan, const std::vector<size_t>& missing) {
  const SampleOptions options{{config.sampler, config.steps}, {config.guidance_scale}};
  Progress progress("synthesizing", static_cast<int64_t>(plan.size()), static_cast<int64_t>(plan.size() - missing.size()));
  for (size_t begin = 0; begin < missing.size(); begin += static_cast<size_t>(config.batch_size)) {
    if (StopSignal::requested()) return false;
    const size_t end = std::min(missing.size(), begin + static_cast<size_t>(config.batch_size));
    std::vector<std::string> requests;
    std::vector<uint64_t> seeds;
    for (size_t i = begin; i < end; ++i) requests.push_back(sets[plan[missing[i]].set].request), seeds.push_back(plan[missing[i]].seed);
    const torch::Tensor images = sample_images(generator, requests, seeds, options);  // [N, 3, H, W] in 0..1
    if (!torch::isfinite(images).all().item<bool>()) fail("the generator made an image that is not finite (seed {})", seeds.front());
    for (size_t i = begin; i < end; ++i) {
      const Image image = denormalize(images[static_cast<int64_t>(i - begin)], {0, 0, 0}, {1, 1, 1});
      if (is_constant(image)) log::warn("{} is of one color", plan[missing[i]].path);
      write_image(folder / plan[missing[i]].path, image);
    }
    progress.update(static_cast<int64_t>(plan.size() - missing.size() + end));
  }
  return true;
}

void write_set_report(const RunDir& run, const SynthesizeConfig& config, const std::vector<PlannedImage>& plan, const std::vector<RequestedSet>& sets) {
  std::map<size_t, std::vector<Image>> shown;
  for (const PlannedImage& image : plan)
    if (auto& row = shown[image.set]; static_cast<int64_t>(row.size()) < kReportImages) row.push_back(read_image(run / image.path));
  const auto title = [&](size_t set) { return sets[set].label.empty() ? sets[set].request : sets[set].label; };
  Report report("Synthetic images", run.path().filename().string());
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < sets.size(); ++i) rows.push_back({title(i), std::to_string(sets[i].count)});
  report.table({"label", "images"}, rows);
  report.paragraph(fmt::format("{} with {} steps, guidance {}, generator {}", config.sampler, config.steps, config.guidance_scale, config.generator));
  for (const auto& [set, images] : shown) report.picture(title(set), encode_png(contact_sheet(images, kReportImages)));
  report.write(run / "report.html");
}

}  // namespace

ExitCode synthesize(SynthesizeConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  if (config.generator.empty()) reject("--generator is missing: the generator folder of a defound-train-generator run");
  Generator generator = Generator::load(config.generator);
  const Condition& condition = *generator.model->condition;
  const std::vector<RequestedSet> sets = requested_sets(config, condition);
  const auto plan = plan_images(config, sets);
  if (plan.empty())
    reject("there is nothing to make: {}", config.balance_to > 0 ? fmt::format("every label has {} images or more in --data", config.balance_to) : "all counts are 0");
  if (config.execution.dry_run) {
    const auto shape = generator.latent_shape();
    const double call = unet_flops(generator.model->unet->config(), shape[1], condition.sequence_length()) * (config.guidance_scale == 1 ? 1 : 2);
    out << fmt::format("{:<24}{}\n{:<24}{}\n{:<24}{}\n", "images", plan.size(), "work per image", flops_text(call * static_cast<double>(config.steps)),
                       "work in all", flops_text(call * static_cast<double>(config.steps) * static_cast<double>(plan.size())));
    return ExitCode::kDone;
  }
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  run.set_ancestry(read_ancestry(config.generator));
  const std::string manifest = manifest_text(plan, sets, hash_generator(config.generator));
  if (run.is_continued() && fs::exists(run / "plan.csv") && read_text(run / "plan.csv") != manifest)
    reject("{} was planned with another generator or other counts; use a fresh --output", run.path().string());
  write_atomic(run / "plan.csv", manifest);

  std::vector<size_t> missing;
  for (size_t i = 0; i < plan.size(); ++i) {
    if (fs::exists(run / plan[i].path)) continue;
    make_folder((run / plan[i].path).parent_path());
    missing.push_back(i);
  }
  log::info("{} images planned, {} to make", plan.size(), missing.size());
  generator.to(device, parse_precision(config.execution.precision));
  if (!make_images(generator, config, run.path(), sets, plan, missing)) {
    log::warn("stopped by {}; the same command with --resume auto makes the rest", StopSignal::name());
    return ExitCode::kSaved;
  }
  write_set_report(run, config, plan, sets);
  fs::rename(run / "plan.csv", run / "manifest.csv");
  run.finish();
  return ExitCode::kDone;
}

}  // namespace defound
