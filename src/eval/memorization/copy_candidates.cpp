#include "copy_candidates.h"

#include <limits>

#include "defound/eval/memorization/copy_alignment.h"

namespace defound {
namespace {

constexpr int64_t kAlignedPairs = 64;   // at a time

/// copy_windows() as numbers: [windows, 4].
torch::Tensor window_table() {
  std::vector<float> values;
  for (const CopyWindow& window : copy_windows())
    for (const double value : {window.left, window.top, window.width, window.height})
      values.push_back(static_cast<float>(value));
  return torch::tensor(values).view({-1, 4});
}

/// [N, 16, 16]
torch::Tensor cell_averages(const torch::Tensor& pictures) {
  return torch::adaptive_avg_pool2d(pictures.unsqueeze(1), {16, 16}).squeeze(1);
}

/// Each picture by its own flip.
torch::Tensor turned(const torch::Tensor& pictures, const torch::Tensor& flip) {
  const torch::Tensor wanted = flip.view({-1, 1, 1});
  const torch::Tensor across = torch::where(wanted.remainder(2) == 1, pictures.flip({2}), pictures);
  return torch::where(wanted >= 2, across.flip({1}), across);
}

void keep_better(std::vector<CopyMatch>& matches, const torch::Tensor& query, const torch::Tensor& reference,
                 const torch::Tensor& flip, const CopyAlignment& aligned) {
  const torch::Tensor window = aligned.windows.to(torch::kCPU, torch::kDouble).contiguous(),
                      similarity = aligned.similarity.to(torch::kCPU, torch::kDouble).contiguous();
  const auto queries = query.accessor<int64_t, 1>(), references = reference.accessor<int64_t, 1>(),
             flips = flip.accessor<int64_t, 1>();
  const auto windows = window.accessor<double, 2>();
  const auto similarities = similarity.accessor<double, 1>();
  for (int64_t i = 0; i < query.size(0); ++i) {
    CopyMatch& match = matches[static_cast<size_t>(queries[i])];
    if (match.reference < 0 || similarities[i] > match.similarity)
      match = {references[i],
               similarities[i],
               (flips[i] & 1) != 0,
               (flips[i] & 2) != 0,
               {windows[i][0], windows[i][1], windows[i][2], windows[i][3]}};
  }
}

}  // namespace

torch::Tensor gray_values(const torch::Tensor& pictures, const torch::Device& device) {
  return pictures.to(device).to(torch::kFloat) / 255;
}

torch::Tensor flipped(const torch::Tensor& pictures, int64_t flip) {
  std::vector<int64_t> sides;
  if (flip & 1) sides.push_back(-1);
  if (flip & 2) sides.push_back(-2);
  return sides.empty() ? pictures : pictures.flip(sides);
}

torch::Tensor flipped_descriptors(const torch::Tensor& pictures) {
  const torch::Tensor cells = whole_descriptors(pictures).view(
      {pictures.size(0), 16, 16});   // a flip of the picture flips its cells
  std::vector<torch::Tensor> all;
  for (int64_t flip = 0; flip < 4; ++flip) all.push_back(flipped(cells, flip).flatten(1));
  return torch::stack(all, 1);
}

torch::Tensor plain_queries(const torch::Tensor& pictures) {
  const torch::Tensor cells = cell_averages(pictures);   // [M, 16, 16]
  std::vector<torch::Tensor> all;
  for (int64_t flip = 0; flip < 4; ++flip) {
    const torch::Tensor values = flipped(cells, flip).flatten(1);
    all.push_back(torch::cat({2 * values, torch::ones_like(values.slice(1, 0, 1))}, 1));
  }
  return torch::stack(all, 1);
}

torch::Tensor plain_references(const torch::Tensor& pictures) {
  const torch::Tensor values = cell_averages(pictures).flatten(1);
  return torch::cat({values, -values.square().sum(1, /*keepdim=*/true)}, 1).unsqueeze(1);
}

CopyCandidates joined(const CopyCandidates& one, const CopyCandidates& other) {
  const auto both = [](const torch::Tensor& a, const torch::Tensor& b) { return torch::cat({a, b}, 1); };
  return {both(one.reference, other.reference), both(one.flip, other.flip), both(one.window, other.window),
          both(one.correlation, other.correlation)};
}

BestCandidates::BestCandidates(int64_t queries, int64_t k, const torch::Device& device)
    : k_(k),
      best_(torch::full({queries, k}, -std::numeric_limits<float>::infinity(), device)),
      reference_(torch::full({queries, k}, -1, torch::TensorOptions(torch::kInt64).device(device))),
      place_(torch::zeros_like(reference_)) {}

void BestCandidates::add(const torch::Tensor& correlations, int64_t first, const torch::Tensor& barred) {
  windows_ = correlations.size(3);
  auto [value, place] = correlations.transpose(1, 2).flatten(2).max(2);   // [M, n] over flips and windows
  value = value.masked_fill(barred, -std::numeric_limits<float>::infinity());
  const torch::Tensor number = torch::arange(first, first + value.size(1), reference_.options()).expand_as(value);
  const auto [best, at] = torch::cat({best_, value}, 1).topk(k_, 1);
  reference_ = torch::cat({reference_, number.masked_fill(barred, -1)}, 1).gather(1, at);
  place_ = torch::cat({place_, place}, 1).gather(1, at);
  best_ = best;
}

CopyCandidates BestCandidates::take() const {
  return {reference_, torch::floor_divide(place_, windows_), place_.remainder(windows_), best_};
}

std::vector<CopyMatch> align_candidates(const torch::Tensor& queries, const torch::Tensor& references,
                                        const CopyCandidates& candidates, const CopySearchOptions& options) {
  std::vector<CopyMatch> matches(static_cast<size_t>(queries.size(0)));
  const torch::Tensor pairs = (candidates.reference >= 0).to(torch::kCPU).nonzero();   // [pairs, 2]: query, candidate
  const torch::Tensor windows = window_table();
  for (int64_t begin = 0; begin < pairs.size(0); begin += kAlignedPairs) {
    const torch::Tensor some = pairs.slice(0, begin, std::min(pairs.size(0), begin + kAlignedPairs));
    const torch::Tensor query = some.select(1, 0).contiguous(), at = some.select(1, 1);
    const auto chosen = [&](const torch::Tensor& of) {
      return of.to(torch::kCPU).index({query, at}).contiguous();
    };   // [pairs]
    const torch::Tensor reference = chosen(candidates.reference), flip = chosen(candidates.flip);
    const CopyAlignment aligned = align_copies(gray_values(turned(queries.index_select(0, query), flip), options.device),
                                               gray_values(references.index_select(0, reference), options.device),
                                               windows.index_select(0, chosen(candidates.window)).to(options.device));
    keep_better(matches, query, reference, flip, aligned);
  }
  return matches;
}

}  // namespace defound
