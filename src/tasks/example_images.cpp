#include "example_images.h"

#include <fmt/format.h>

#include <algorithm>

#include "thumbnail.h"

namespace defound {
namespace {

constexpr size_t kMostPictures = 14;

/// Rows whose prediction is right (or wrong), the most confident first.
std::vector<int64_t> most_confident(const Predictions& predictions, bool right) {
  std::vector<int64_t> rows;
  for (int64_t n = 0; n < predictions.size(); ++n)
    if ((predictions.predicted(n) == predictions.labels[static_cast<size_t>(n)]) == right) rows.push_back(n);
  const auto confidence = [&](int64_t n) { return predictions.probability(n, predictions.predicted(n)); };
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return confidence(a) > confidence(b); });
  rows.resize(std::min(rows.size(), kMostPictures));
  return rows;
}

void add_gallery(Report& report, const std::string& title, const EvaluatedImages& images, bool right) {
  std::vector<std::pair<std::string, std::string>> pictures;
  for (const int64_t n : most_confident(images.predictions, right)) {
    const auto row = static_cast<size_t>(n);
    const int64_t predicted = images.predictions.predicted(n);
    const std::string truth = images.classes[static_cast<size_t>(images.predictions.labels[row])];
    const std::string what = right ? truth : fmt::format("{}\ntaken for {}", truth, images.classes[static_cast<size_t>(predicted)]);
    pictures.emplace_back(fmt::format("{}, p {:.3f}\n{}", what, images.predictions.probability(n, predicted), fs::path(images.paths[row]).filename().string()),
                          thumbnail(images.paths[row]));
  }
  report.heading(title);
  if (pictures.empty()) report.paragraph("None.");
  else report.gallery(pictures);
}

}  // namespace

void add_example_images(Report& report, const EvaluatedImages& images) {
  add_gallery(report, "Most confidently wrong", images, false);
  add_gallery(report, "Most confidently right", images, true);
}

}  // namespace defound
