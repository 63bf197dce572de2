#include "synthesis_report.h"

#include "defound/data/image_files.h"
#include "defound/image/image_io.h"
#include "defound/run/report.h"

namespace defound {
namespace {

constexpr size_t kReportImages = 8;

}  // namespace

void write_synthesis_report(const RunDir& run, const SynthesizeConfig& config, const SynthesisPlan& plan,
                            const SynthesisPart& part) {
  const ImageFiles files;
  std::vector<int64_t> counts(plan.sets().size());
  std::vector<std::vector<Image>> shown(plan.sets().size());
  plan.for_each_row(part, [&](int64_t row) {
    const size_t set = plan.set_of(row);
    ++counts[set];
    if (shown[set].size() < kReportImages)
      shown[set].push_back(files.image(fs::path(config.run.output) / plan.image(row).path));
  });
  Report report("Synthetic images", run.path().filename().string());
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < counts.size(); ++i) rows.push_back({plan.sets()[i].title(), std::to_string(counts[i])});
  report.table({"label", "images"}, rows);
  report.paragraph(fmt::format("{} with {} steps, guidance {}, generator {}", config.sampler, config.steps,
                               config.guidance_scale, config.generator));
  for (size_t i = 0; i < shown.size(); ++i)
    if (!shown[i].empty()) report.picture(plan.sets()[i].title(), encode_png(contact_sheet(shown[i], kReportImages)));
  report.write(run / "report.html");
}

}  // namespace defound
