#pragma once
#include <functional>

#include "defound/core/random.h"
#include "synthesis_requests.h"

namespace defound {

/// Which share of a job a process does: of N parts, part `index` (from 0).
struct SynthesisPart {
  int64_t index = 0, count = 1;
  /// "00003-of-00008"; "" where there is but one part.
  std::string name() const;
};

/// One image to be made.
struct PlannedImage {
  size_t set = 0;
  uint64_t seed = 0;
  std::string request;
  std::string path;   ///< below the output folder; a member's address with shards
};

/// Every image of a job, row by row. A row is computed when it is asked for: the plan of a million is as small as that of ten
/// (with shards 8 bytes a row, for their order). An image's seed and request depend on --seed, its label or prompt, and its
/// number among those only. Rows of class folders stand label by label; shards hold them in a random order, so that who
/// reads one after the other sees all labels.
class SynthesisPlan {
 public:
  /// Rejects (exit 2) a plan without images.
  SynthesisPlan(const SynthesizeConfig& config, const SynthesisGenerator& generator);

  const std::vector<RequestedSet>& sets() const { return sets_; }
  int64_t size() const { return first_.back(); }
  PlannedImage image(int64_t row) const;
  size_t set_of(int64_t row) const;

  bool in_shards() const { return images_per_shard_ > 0; }
  int64_t shard_count() const { return (size() + images_per_shard_ - 1) / images_per_shard_; }
  std::string shard_path(int64_t shard) const;                  ///< below the output folder
  /// Rows begin..end-1 of a shard.
  std::pair<int64_t, int64_t> rows_of_shard(int64_t shard) const;

  /// The rows of a part in their order: n with n % count == index; with shards, those of the shards s with s % count == index.
  void for_each_row(const SynthesisPart& part, const std::function<void(int64_t row)>& use) const;
  int64_t size_of(const SynthesisPart& part) const;
  /// Differs for jobs with other images; independent of how they are shared out.
  std::string digest() const;

 private:
  std::pair<size_t, int64_t> place_of(int64_t row) const;   ///< set, number in it

  std::vector<RequestedSet> sets_;
  std::vector<Draws> seeds_;          ///< of each set
  std::vector<int64_t> first_{0};     ///< row of each set's first image; then the number of rows
  std::vector<int64_t> order_;        ///< with shards: the row, label by label, that stands at each place
  std::string image_format_, generator_hash_;
  int64_t images_per_shard_ = 0;      ///< 0: class folders
  uint64_t seed_ = 0;
};

/// The seed that stands in for one whose image was of no use.
uint64_t redrawn_seed(uint64_t seed);

}  // namespace defound
