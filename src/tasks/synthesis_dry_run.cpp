#include "defound/core/progress.h"
#include "defound/tasks/gpu_hours.h"
#include "defound/tasks/plan.h"
#include "synthesis_parts.h"
#include "synthesis_report.h"

namespace defound {
namespace {

/// Bytes a pixel, as photographs of the eye and of the chest take them; only an estimate.
constexpr double kPngBytes = 1.6, kJpegBytes = 0.5;

/// Images a second of the newest start that stands in the provenance of the folder; 0 when none is known.
double known_rate(const fs::path& folder) {
  const fs::path file = folder / "provenance.json";
  if (!is_there(file)) return 0;
  const Json starts = parse_json(read_text(file), file.string()).value("starts", Json::array());
  for (auto start = starts.rbegin(); start != starts.rend(); ++start)
    if (start->is_object() && start->contains(kSynthesisRate) && (*start)[kSynthesisRate].is_number())
      return (*start)[kSynthesisRate].get<double>();
  return 0;
}

std::string row_text(const std::string& name, const std::string& value) { return fmt::format("{:<23} {}\n", name, value); }

std::string parts_text(const SynthesisPlan& plan, const SynthesisPart& part) {
  const std::string units =
      plan.in_shards() ? fmt::format(" in {} of {} shards", (plan.shard_count() - part.index + part.count - 1) / part.count,
                                     plan.shard_count())
                       : "";
  if (part.count == 1) return plan.in_shards() ? fmt::format("one, {} shards", thousands(plan.shard_count())) : "one";
  return fmt::format("{}; part {} has {} images{}", part.count, part.index, thousands(plan.size_of(part)), units);
}

}  // namespace

std::string describe_synthesis(const SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                               const SynthesisPart& part) {
  std::string text;
  for (const RequestedSet& set : plan.sets())
    text +=
        row_text(set.title(), thousands(set.count) +
                                  (set.requests.size() > 1 ? fmt::format(", {} prompts in turn", set.requests.size()) : ""));
  const auto all = static_cast<double>(plan.size()), mine = static_cast<double>(plan.size_of(part));
  const auto pixels = static_cast<double>(generator.resolution * generator.resolution);
  const double bytes = pixels * (config.image_format == "png" ? kPngBytes : kJpegBytes);
  text += row_text("images", thousands(plan.size()));
  text += row_text("parts", parts_text(plan, part));
  text += row_text("work per image", flops_text(generator.flops_per_image));
  text += row_text("work in all", flops_text(generator.flops_per_image * all));
  const double rate = config.run.output.empty() ? 0 : known_rate(part_folder(config.run.output, part));
  text += row_text("rate", rate > 0 ? fmt::format("{:.3g} images/s at the last start, so {} for {} images", rate,
                                                  duration_text(mine / rate), thousands(plan.size_of(part)))
                                    : "not known before a start");
  if (generator.weight_bytes > 0)
    text += row_text("memory", fmt::format("{} weights (on a CPU twice: plain, and as its kernels read them); activations are not estimated",
                                           bytes_text(generator.weight_bytes)));
  text += row_text("disk", fmt::format("{} (estimate: {} an image)", bytes_text(bytes * all), bytes_text(bytes)));
  return text + describe_gpu_hours(generator.flops_per_image * all);
}

}  // namespace defound
