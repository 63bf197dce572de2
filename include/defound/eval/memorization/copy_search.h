#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "defound/eval/memorization/copy_windows.h"

namespace defound {

/// The reference that a query looks most like, and how it would have to be turned and cut to become the query.
struct CopyMatch {
  int64_t reference = -1;   ///< -1: there was none to compare with
  double similarity = 0;    ///< of copy_alignment.h
  bool flip_horizontal = false, flip_vertical = false;
  CopyWindow window;   ///< of the reference, which shows the flipped query
};

struct CopySearchOptions {
  int64_t candidates = 4;   ///< references a query is aligned with
  torch::Device device = torch::kCPU;
};

/// The most similar reference [N, 96, 96] of each query [M, 96, 96] (gray, uint8, CPU; may be mapped from files). Two
/// stages: products of descriptors of the query in its four flips with those of all windows of all references, in blocks,
/// give the candidates, and the plain difference of coarse pixels two more; all of them are aligned. A pair with
/// patients[query] == patients[reference] is passed over. `done` is told how many queries are finished. Ends (exit 75)
/// after a signal.
std::vector<CopyMatch> find_copies(const torch::Tensor& queries, const torch::Tensor& references,
                                   const std::vector<int64_t>& query_patients, const std::vector<int64_t>& reference_patients,
                                   const CopySearchOptions& options, const std::function<void(int64_t)>& done = {});

/// Two images of one set, first < second.
struct SimilarPair {
  int64_t first = 0, second = 0;
  double similarity = 0;
};

/// Pairs of images of one set [N, 96, 96] that are at least `threshold` alike, whole or flipped: each image is aligned with
/// the most correlated of those before it, so that of a group of like images each but the first is in some pair. Memory
/// does not grow with the number of pairs compared.
std::vector<SimilarPair> find_duplicates(const torch::Tensor& images, double threshold, const CopySearchOptions& options,
                                         const std::function<void(int64_t)>& done = {});

}  // namespace defound
