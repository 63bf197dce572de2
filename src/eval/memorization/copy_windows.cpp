#include "defound/eval/memorization/copy_windows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "defound/eval/memorization/local_contrast.h"

namespace defound {
namespace {

constexpr double kWindowStep = 0.06, kLeastArea = 0.57, kMostStretch = 1.43;
constexpr int kSizes = 6, kShifts = 2;
constexpr int64_t kCells = 16;
constexpr double kDescriptorSigma = 8;   // pixels of 96

using Span = std::pair<double, double>;   // begin and length on one side

std::vector<CopyWindow> list_windows() {
  std::vector<CopyWindow> windows{{0, 0, 1, 1}};
  for (int high = 0; high < kSizes; ++high)
    for (int wide = 0; wide < kSizes; ++wide) {
      const double height = 1 - kWindowStep * high, width = 1 - kWindowStep * wide;
      if (high + wide == 0 || width * height < kLeastArea || std::max(width / height, height / width) > kMostStretch) continue;
      for (int y = 0; y <= high; ++y)
        for (int x = 0; x <= wide; ++x) windows.push_back({kWindowStep * x, kWindowStep * y, width, height});
    }
  for (int y = -kShifts; y <= kShifts; ++y)
    for (int x = -kShifts; x <= kShifts; ++x)
      if (x != 0 || y != 0) windows.push_back({kWindowStep * x, kWindowStep * y, 1, 1});
  return windows;
}

/// Averages the pixels of a span in kCells cells, as a matrix [cells, pixels]; cells beyond the image are empty.
torch::Tensor cell_means(const Span& span) {
  torch::Tensor matrix = torch::zeros({kCells, kCopySide});
  auto weight = matrix.accessor<float, 2>();
  const auto side = static_cast<double>(kCopySide), cells = static_cast<double>(kCells);
  for (int64_t cell = 0; cell < kCells; ++cell) {
    const double begin = (span.first + span.second * static_cast<double>(cell) / cells) * side,
                 end = begin + span.second * side / cells;
    for (int64_t pixel = 0; pixel < kCopySide; ++pixel) {
      const double covered = std::min(end, static_cast<double>(pixel + 1)) - std::max(begin, static_cast<double>(pixel));
      if (covered > 0) weight[cell][pixel] = static_cast<float>(covered / (end - begin));
    }
  }
  return matrix;
}

/// The windows as pairs of spans, each span computed once for all windows that have it.
struct WindowSpans {
  torch::Tensor means;          // [spans x cells, pixels]
  torch::Tensor across, down;   // of each window, which span: [windows]
  int64_t count = 0;
};

WindowSpans make_spans() {
  std::vector<Span> spans;
  const auto index_of = [&](const Span& span) {
    const auto at = std::find_if(spans.begin(), spans.end(), [&](const Span& s) {
      return std::abs(s.first - span.first) + std::abs(s.second - span.second) < 1e-9;
    });
    if (at == spans.end()) return spans.push_back(span), static_cast<int64_t>(spans.size()) - 1;
    return static_cast<int64_t>(at - spans.begin());
  };
  std::vector<int64_t> across, down;
  for (const CopyWindow& window : copy_windows())
    across.push_back(index_of({window.left, window.width})), down.push_back(index_of({window.top, window.height}));
  std::vector<torch::Tensor> means;
  for (const Span& span : spans) means.push_back(cell_means(span));
  return {torch::cat(means), torch::tensor(across), torch::tensor(down), static_cast<int64_t>(spans.size())};
}

torch::Tensor unit_descriptors(const torch::Tensor& cells) {   // [..., cells, cells]
  const torch::Tensor flat = cells.flatten(-2), centered = flat - flat.mean(-1, /*keepdim=*/true);
  return centered / (centered.norm(2, {-1}, /*keepdim=*/true) + 1e-6);
}

}  // namespace

const std::vector<CopyWindow>& copy_windows() {
  static const std::vector<CopyWindow> windows = list_windows();
  return windows;
}

torch::Tensor window_descriptors(const torch::Tensor& images) {
  static const WindowSpans spans = make_spans();
  const torch::Tensor means = spans.means.to(images.device()), contrast = local_contrast(images, kDescriptorSigma);
  const torch::Tensor cells = means.matmul(contrast)
                                  .matmul(means.t())   // [N, spans x cells, spans x cells]
                                  .view({images.size(0), spans.count, kCells, spans.count, kCells})
                                  .transpose(2, 3);
  return unit_descriptors(
      cells.index({torch::indexing::Slice(), spans.down.to(images.device()), spans.across.to(images.device())}));
}

torch::Tensor whole_descriptors(const torch::Tensor& images) {
  const torch::Tensor means = cell_means({0, 1}).to(images.device());
  return unit_descriptors(means.matmul(local_contrast(images, kDescriptorSigma)).matmul(means.t()));
}

}  // namespace defound
