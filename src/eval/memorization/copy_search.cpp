#include "defound/eval/memorization/copy_search.h"

#include <algorithm>

#include "copy_candidates.h"
#include "defound/core/error.h"
#include "defound/core/stop.h"

namespace defound {
namespace {

constexpr int64_t kQueryBlock = 1024, kReferenceBlock = 8, kDuplicateBlock = 1024;
constexpr int64_t kDuplicateCandidates = 4, kPlainCandidates = 2;
constexpr double kDuplicateCorrelation = 0.8;   // of descriptors: images that are less alike need no alignment

void leave_after_signal(int64_t done, int64_t all) {
  if (StopSignal::requested())
    throw Error(ExitCode::kSaved,
                fmt::format("stopped by {} after {} of {} images; run the same command again with --resume auto",
                            StopSignal::name(), done, all));
}

/// Descriptor products of queries in four flips [M, 4, D] with descriptors [n, windows, D]: [M, 4, n, windows].
torch::Tensor correlate(const torch::Tensor& queries, const torch::Tensor& references) {
  return queries.flatten(0, 1)
      .mm(references.flatten(0, 1).t())
      .view({queries.size(0), 4, references.size(0), references.size(1)});
}

torch::Tensor numbers(const std::vector<int64_t>& values, int64_t begin, int64_t end, const torch::Device& device) {
  return torch::tensor(std::vector<int64_t>(values.begin() + begin, values.begin() + end), torch::kInt64).to(device);
}

}  // namespace

std::vector<CopyMatch> find_copies(const torch::Tensor& queries, const torch::Tensor& references,
                                   const std::vector<int64_t>& query_patients, const std::vector<int64_t>& reference_patients,
                                   const CopySearchOptions& options, const std::function<void(int64_t)>& done) {
  const torch::NoGradGuard no_grad;
  std::vector<CopyMatch> matches;
  const int64_t k = std::min(options.candidates, references.size(0));
  for (int64_t begin = 0; begin < queries.size(0); begin += kQueryBlock) {
    const int64_t end = std::min(queries.size(0), begin + kQueryBlock);
    const torch::Tensor block = queries.slice(0, begin, end);
    const torch::Tensor values = gray_values(block, options.device);
    const torch::Tensor asked = flipped_descriptors(values), plain = plain_queries(values);
    const torch::Tensor asked_patients = numbers(query_patients, begin, end, options.device).unsqueeze(1);
    BestCandidates best(end - begin, k, options.device), alike(end - begin, std::min(kPlainCandidates, k), options.device);
    for (int64_t at = 0; at < references.size(0); at += kReferenceBlock) {
      leave_after_signal(begin, queries.size(0));
      const int64_t to = std::min(references.size(0), at + kReferenceBlock);
      const torch::Tensor known = gray_values(references.slice(0, at, to), options.device);
      const torch::Tensor barred = asked_patients == numbers(reference_patients, at, to, options.device).unsqueeze(0);
      best.add(correlate(asked, window_descriptors(known)), at, barred);
      alike.add(correlate(plain, plain_references(known)), at, barred);
    }
    for (CopyMatch& match : align_candidates(block, references, joined(best.take(), alike.take()), options)) matches.push_back(match);
    if (done) done(end);
  }
  return matches;
}

std::vector<SimilarPair> find_duplicates(const torch::Tensor& images, double threshold, const CopySearchOptions& options,
                                         const std::function<void(int64_t)>& done) {
  const torch::NoGradGuard no_grad;
  std::vector<SimilarPair> pairs;
  for (int64_t begin = 0; begin < images.size(0); begin += kDuplicateBlock) {
    const int64_t end = std::min(images.size(0), begin + kDuplicateBlock);
    const torch::Tensor block = images.slice(0, begin, end), values = gray_values(block, options.device);
    const torch::Tensor asked = flipped_descriptors(values), plain = plain_queries(values);
    const torch::Tensor own = torch::arange(begin, end, torch::TensorOptions(torch::kInt64).device(options.device))
                                  .unsqueeze(1);
    BestCandidates best(end - begin, kDuplicateCandidates, options.device), alike(end - begin, kPlainCandidates, options.device);
    for (int64_t at = 0; at < end; at += kDuplicateBlock) {
      leave_after_signal(begin, images.size(0));
      const int64_t to = std::min(end, at + kDuplicateBlock);
      const torch::Tensor known = gray_values(images.slice(0, at, to), options.device);
      const torch::Tensor later = torch::arange(at, to, own.options()).unsqueeze(0) >= own;
      best.add(correlate(asked, whole_descriptors(known).unsqueeze(1)), at, later);
      alike.add(correlate(plain, plain_references(known)), at, later);
    }
    CopyCandidates candidates = best.take();
    candidates.reference.masked_fill_(candidates.correlation < kDuplicateCorrelation, -1);
    const auto matches = align_candidates(block, images, joined(candidates, alike.take()), options);
    for (size_t i = 0; i < matches.size(); ++i)
      if (matches[i].reference >= 0 && matches[i].similarity >= threshold)
        pairs.push_back({matches[i].reference, begin + static_cast<int64_t>(i), matches[i].similarity});
    if (done) done(end);
  }
  return pairs;
}

}  // namespace defound
