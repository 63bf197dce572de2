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

/// One image to be made.
struct PlannedImage {
  int64_t label = 0;
  uint64_t seed = 0;
  std::string path;   ///< below the output folder
};

int64_t parse_count(const std::string& text, const std::string& origin) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostOfALabel)
    reject("--count {}: '{}' is not a number of images from 0 to {}", origin, text, kMostOfALabel);
  return value;
}

/// Images to make of each label.
std::vector<int64_t> counts_per_label(const SynthesizeConfig& config, const LabelTable& labels) {
  const auto& names = labels.config().labels;
  std::vector<int64_t> counts(names.size(), 0);
  if (config.balance_to > 0) {
    const ImageTable table = load_table(config.data, {.classes = names});
    const auto there = class_counts(table);
    for (size_t i = 0; i < names.size(); ++i) counts[i] = std::max<int64_t>(0, config.balance_to - there[i]);
    return counts;
  }
  if (config.count.empty()) reject("how many images? Give --count N, --count LABEL=N for each label ({}), or --balance_to N with --data", fmt::join(names, ", "));
  for (const auto& item : config.count) {
    const size_t equals = item.rfind('=');
    if (equals == std::string::npos) std::fill(counts.begin(), counts.end(), parse_count(item, item));
    else counts[static_cast<size_t>(labels.index_of(item.substr(0, equals)))] = parse_count(item.substr(equals + 1), item);
  }
  return counts;
}

/// The rows, label by label; an image's seed depends on --seed, its label and its number only.
std::vector<PlannedImage> plan_images(const SynthesizeConfig& config, const std::vector<std::string>& labels, const std::vector<int64_t>& counts) {
  std::vector<PlannedImage> plan;
  for (size_t label = 0; label < labels.size(); ++label) {
    const Draws seeds = Draws(static_cast<uint64_t>(config.run.seed), "synthesize").purpose(labels[label]);
    for (int64_t i = 0; i < counts[label]; ++i) {
      const std::string folder = counts[label] > kFilesPerFolder ? fmt::format("{}/{:04}", labels[label], i / kFilesPerFolder) : labels[label];
      RandomStream stream = seeds.stream(static_cast<uint64_t>(i));
      plan.push_back({static_cast<int64_t>(label), (static_cast<uint64_t>(stream.bits()) << 31) ^ stream.bits(),
                      fmt::format("{}/{}_{:06}.{}", folder, labels[label], i, config.image_format)});
    }
  }
  return plan;
}

/// The plan as a manifest: every row that there will be.
std::string manifest_text(const std::vector<PlannedImage>& plan, const std::vector<std::string>& labels, const std::string& generator_hash) {
  std::string text = csv_line({"path", "label", "split", "prompt", "source", "seed", "generator"});
  for (const PlannedImage& image : plan)
    text += csv_line({image.path, labels[static_cast<size_t>(image.label)], "train", labels[static_cast<size_t>(image.label)], "synthetic",
                      std::to_string(image.seed), generator_hash});
  return text;
}

/// Identifies the generator: its weights and its configs.
std::string hash_generator(const fs::path& folder) {
  std::string hashes;
  for (const char* file : {"unet/config.json", "unet/diffusion_pytorch_model.safetensors", "condition/model.safetensors", "scheduler/scheduler_config.json"})
    hashes += sha256_file(folder / file);
  return sha256(hashes).substr(0, 16);
}

bool is_constant(const Image& image) {
  return std::all_of(image.pixels.begin(), image.pixels.end(), [&](uint8_t value) { return value == image.pixels.front(); });
}

/// Makes the rows `missing` of the plan, batch by batch; false when a signal stopped it.
bool make_images(Generator& generator, const SynthesizeConfig& config, const fs::path& folder, const std::vector<PlannedImage>& plan,
                 const std::vector<size_t>& missing) {
  const SampleOptions options{{config.sampler, config.steps}, {config.guidance_scale}};
  Progress progress("synthesizing", static_cast<int64_t>(plan.size()), static_cast<int64_t>(plan.size() - missing.size()));
  for (size_t begin = 0; begin < missing.size(); begin += static_cast<size_t>(config.batch_size)) {
    if (StopSignal::requested()) return false;
    const size_t end = std::min(missing.size(), begin + static_cast<size_t>(config.batch_size));
    std::vector<int64_t> labels;
    std::vector<uint64_t> seeds;
    for (size_t i = begin; i < end; ++i) labels.push_back(plan[missing[i]].label), seeds.push_back(plan[missing[i]].seed);
    const torch::Tensor images = sample_images(generator, labels, seeds, options);  // [N, 3, H, W] in 0..1
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

void write_set_report(const RunDir& run, const SynthesizeConfig& config, const std::vector<PlannedImage>& plan, const std::vector<std::string>& labels) {
  std::map<int64_t, std::vector<Image>> shown;
  std::vector<int64_t> counts(labels.size(), 0);
  for (const PlannedImage& image : plan) {
    ++counts[static_cast<size_t>(image.label)];
    if (auto& row = shown[image.label]; static_cast<int64_t>(row.size()) < kReportImages) row.push_back(read_image(run / image.path));
  }
  Report report("Synthetic images", run.path().filename().string());
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < labels.size(); ++i) rows.push_back({labels[i], std::to_string(counts[i])});
  report.table({"label", "images"}, rows);
  report.paragraph(fmt::format("{} with {} steps, guidance {}, generator {}", config.sampler, config.steps, config.guidance_scale, config.generator));
  for (const auto& [label, images] : shown) report.picture(labels[static_cast<size_t>(label)], encode_png(contact_sheet(images, kReportImages)));
  report.write(run / "report.html");
}

}  // namespace

ExitCode synthesize(SynthesizeConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  if (config.generator.empty()) reject("--generator is missing: the generator folder of a defound-train-generator run");
  Generator generator = Generator::load(config.generator);
  const std::vector<std::string> labels = generator.labels();
  const auto plan = plan_images(config, labels, counts_per_label(config, *generator.model->condition));
  if (config.execution.dry_run) {
    const auto shape = generator.latent_shape();
    const double call = unet_flops(generator.model->unet->config(), shape[1], LabelTableConfig{}.tokens) * (config.guidance_scale == 1 ? 1 : 2);
    out << fmt::format("{:<24}{}\n{:<24}{}\n{:<24}{}\n", "images", plan.size(), "work per image", flops_text(call * static_cast<double>(config.steps)),
                       "work in all", flops_text(call * static_cast<double>(config.steps) * static_cast<double>(plan.size())));
    return ExitCode::kDone;
  }
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  run.set_ancestry(read_ancestry(config.generator));
  const std::string manifest = manifest_text(plan, labels, hash_generator(config.generator));
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
  if (!make_images(generator, config, run.path(), plan, missing)) {
    log::warn("stopped by {}; the same command with --resume auto makes the rest", StopSignal::name());
    return ExitCode::kSaved;
  }
  write_set_report(run, config, plan, labels);
  fs::rename(run / "plan.csv", run / "manifest.csv");
  run.finish();
  return ExitCode::kDone;
}

}  // namespace defound
