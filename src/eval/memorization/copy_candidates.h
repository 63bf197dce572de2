#pragma once
#include <torch/torch.h>

#include "defound/eval/memorization/copy_search.h"

namespace defound {

/// References worth an alignment with each query: [M, k] each; `reference` is -1 where there are fewer than k.
struct CopyCandidates {
  torch::Tensor reference, flip, window;   ///< flip: 1 horizontal + 2 vertical; window: of copy_windows()
  torch::Tensor correlation;               ///< of the descriptors
};

/// Pictures as the search computes with them: fp32, 0..1, on the device.
torch::Tensor gray_values(const torch::Tensor& pictures, const torch::Device& device);

/// The picture turned: bit 1 of `flip` horizontally, bit 2 vertically.
torch::Tensor flipped(const torch::Tensor& pictures, int64_t flip);

/// Descriptors of the whole pictures in the four flips: [M, 4, 256].
torch::Tensor flipped_descriptors(const torch::Tensor& pictures);

/// Coarse pixels of the whole pictures for the products that rank references by plain difference, which alone tells pictures
/// with hardly any contrast apart: the product of a query's row and a reference's is |query|^2 - |difference|^2. [M, 4, 257] for
/// queries in the four flips, [n, 1, 257] for references.
torch::Tensor plain_queries(const torch::Tensor& pictures);
torch::Tensor plain_references(const torch::Tensor& pictures);

/// Keeps, for a block of queries, the k best references seen so far.
class BestCandidates {
 public:
  BestCandidates(int64_t queries, int64_t k, const torch::Device& device);
  /// Correlations [M, 4, n, windows] with n more references, the first of which has number `first`; `barred` [M, n] is
  /// true for pairs to pass over.
  void add(const torch::Tensor& correlations, int64_t first, const torch::Tensor& barred);
  CopyCandidates take() const;

 private:
  int64_t k_;
  torch::Tensor best_, reference_, place_;   // [M, k]; place: flip and window in one number
  int64_t windows_ = 1;
};

/// The candidates of both.
CopyCandidates joined(const CopyCandidates& one, const CopyCandidates& other);

/// Aligns each query with its candidates and keeps the best.
std::vector<CopyMatch> align_candidates(const torch::Tensor& queries, const torch::Tensor& references,
                                        const CopyCandidates& candidates, const CopySearchOptions& options);

}  // namespace defound
