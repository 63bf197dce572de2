#include "sample_grid.h"

#include <algorithm>
#include <numeric>

#include "defound/image/image_io.h"
#include "defound/image/normalize.h"
#include "defound/models/sample_images.h"

namespace defound {
namespace {

constexpr size_t kMostGridsShown = 6;

}  // namespace

SampleRows sample_rows(const TrainGeneratorConfig& config, const Generator& generator) {
  if (!config.sample_prompt.empty()) return {config.sample_prompt, config.sample_prompt};
  SampleRows rows;
  rows.names = generator.labels();
  for (const std::string& label : rows.names) rows.requests.push_back(generator.model->condition->request_for(label));
  if (rows.names.empty()) rows = {{"(nothing)"}, {""}};
  return rows;
}

std::string sample_grid(const TrainGeneratorConfig& config, Generator& generator, const SampleRows& rows, bool may_stop) {
  SampleOptions options{{"ddim", config.sample_steps}, {config.guidance_scale}};
  options.may_stop = may_stop;
  const auto count = static_cast<size_t>(config.sample_count);
  std::vector<uint64_t> seeds(count);
  std::iota(seeds.begin(), seeds.end(), uint64_t{0});
  std::vector<Image> cells;
  for (const std::string& request : rows.requests) {
    const torch::Tensor images =
        sample_images(generator, std::vector<std::string>(count, request), seeds, options);  // [N, 3, H, W] in 0..1
    for (int64_t n = 0; n < images.size(0); ++n) cells.push_back(denormalize(images[n], {0, 0, 0}, {1, 1, 1}));
  }
  return encode_png(contact_sheet(cells, config.sample_count));
}

std::vector<ReportPicture> saved_sample_grids(const RunDir& run) {
  std::vector<fs::path> files;
  if (is_there(run / "samples"))
    for (const auto& entry : fs::directory_iterator(run / "samples"))
      if (entry.path().extension() == ".png") files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {  // step-999999 before step-1000000
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  std::vector<ReportPicture> pictures;
  const size_t shown = std::min(files.size(), kMostGridsShown);
  for (size_t i = 0; i < shown; ++i) {
    const fs::path& file = files[(i + 1) * files.size() / shown - 1];
    pictures.push_back({"While training: " + file.stem().string(), read_text(file)});
  }
  return pictures;
}

}  // namespace defound
