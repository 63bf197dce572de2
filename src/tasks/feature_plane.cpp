#include "feature_plane.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace defound {
namespace {

constexpr int64_t kMostFitted = 20000, kMostDrawn = 3000;
constexpr size_t kColoredClasses = 8;   // as many as the reports have colors

/// The first two principal components, unit columns [D, 2], and the share of the variance that each explains.
struct PrincipalPlane {
  torch::Tensor mean, axes, shares;
};

std::vector<int64_t> evenly_spaced(int64_t count, int64_t most) {
  std::vector<int64_t> rows(static_cast<size_t>(std::min(count, most)));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i) * count / static_cast<int64_t>(rows.size());
  return rows;
}

PrincipalPlane principal_plane(const torch::Tensor& features) {
  const torch::Tensor rows = features.index_select(0, torch::tensor(evenly_spaced(features.size(0), kMostFitted))).to(torch::kFloat64);
  const torch::Tensor mean = rows.mean(0), centered = rows - mean;
  const auto [variances, vectors] = torch::linalg_eigh(centered.t().mm(centered), "L");   // rising
  torch::Tensor axes = vectors.slice(1, vectors.size(1) - 2).flip({1});                   // [D, 2]
  const torch::Tensor largest = axes.gather(0, axes.abs().argmax(0, /*keepdim=*/true));   // an eigenvector's sign is free: fix it
  axes = axes * torch::where(largest < 0, -torch::ones_like(largest), torch::ones_like(largest));
  const torch::Tensor shares = variances.slice(0, variances.size(0) - 2).flip({0}).clamp_min(0) / variances.clamp_min(0).sum().clamp_min(1e-300);
  return {mean, axes, shares};
}

/// Classes with a color of their own: the largest.
std::vector<int64_t> colored_classes(const ImageTable& table) {
  const auto counts = class_counts(table);
  std::vector<int64_t> classes(counts.size());
  std::iota(classes.begin(), classes.end(), int64_t{0});
  std::stable_sort(classes.begin(), classes.end(), [&](int64_t a, int64_t b) { return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)]; });
  classes.resize(std::min(classes.size(), kColoredClasses));
  std::sort(classes.begin(), classes.end());
  return classes;
}

}  // namespace

void add_feature_plane(Report& report, const ImageTable& table, const torch::Tensor& features) {
  if (features.size(0) < 3 || features.size(1) < 2) return;
  const torch::NoGradGuard no_grad;
  const PrincipalPlane plane = principal_plane(features);
  const std::vector<int64_t> drawn = evenly_spaced(features.size(0), kMostDrawn);
  const torch::Tensor places = (features.index_select(0, torch::tensor(drawn)).to(torch::kFloat64) - plane.mean).mm(plane.axes);   // [n, 2]
  const auto place = places.accessor<double, 2>();

  const std::vector<int64_t> classes = colored_classes(table);
  std::vector<Curve> groups{{table.classes.size() > classes.size() ? "other classes" : "no label", {}, {}, /*dashed=*/true, false, /*points=*/true}};
  for (const int64_t c : classes) groups.push_back({table.classes[static_cast<size_t>(c)], {}, {}, false, false, /*points=*/true});
  for (size_t i = 0; i < drawn.size(); ++i) {
    const auto at = std::find(classes.begin(), classes.end(), table.rows[static_cast<size_t>(drawn[i])].label);
    Curve& group = groups[at == classes.end() ? 0 : static_cast<size_t>(at - classes.begin()) + 1];
    group.x.push_back(place[static_cast<int64_t>(i)][0]);
    group.y.push_back(place[static_cast<int64_t>(i)][1]);
  }
  std::erase_if(groups, [](const Curve& group) { return group.x.empty(); });
  const auto label = [&](int64_t component) { return fmt::format("component {} ({:.1f} % of the variance)", component + 1, 100 * plane.shares[component].item<double>()); };
  report.heading("Features");
  report.plot({fmt::format("The features on their first two principal components, {} of {} images", drawn.size(), features.size(0)), label(0), label(1)}, groups);
}

}  // namespace defound
