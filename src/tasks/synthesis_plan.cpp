#include "synthesis_plan.h"

#include <algorithm>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr int64_t kFilesPerFolder = 10000;

/// 63 bits: what fits the signed numbers of a reader of the manifest.
uint64_t drawn_seed(RandomStream stream) {
  const uint64_t high = stream.bits(), low = stream.bits();
  return (high << 31) ^ low;
}

}  // namespace

std::string SynthesisPart::name() const { return count == 1 ? "" : fmt::format("{:05}-of-{:05}", index, count); }

SynthesisPlan::SynthesisPlan(const SynthesizeConfig& config, const SynthesisGenerator& generator)
    : sets_(requested_sets(config, generator)),
      image_format_(config.image_format),
      generator_hash_(generator.hash),
      images_per_shard_(config.format == "shards" ? config.images_per_shard : 0),
      seed_(static_cast<uint64_t>(config.run.seed)) {
  const Draws draws(seed_, "synthesize");
  for (const RequestedSet& set : sets_) {
    seeds_.push_back(draws.purpose(set.label.empty() ? "prompt: " + set.requests.front() : set.label));
    first_.push_back(first_.back() + set.count);
  }
  if (size() == 0)
    reject("there is nothing to make: {}",
           config.balance_to.empty() ? "all counts are 0"
                                     : fmt::format("--data has {} images or more of every label", config.balance_to));
  if (in_shards()) order_ = permutation(size(), draws.purpose("shards"), 0);
}

std::pair<size_t, int64_t> SynthesisPlan::place_of(int64_t row) const {
  if (!order_.empty()) row = order_[static_cast<size_t>(row)];
  const auto set = static_cast<size_t>(std::upper_bound(first_.begin(), first_.end(), row) - first_.begin() - 1);
  return {set, row - first_[set]};
}

size_t SynthesisPlan::set_of(int64_t row) const { return place_of(row).first; }

PlannedImage SynthesisPlan::image(int64_t row) const {
  const auto [at, number] = place_of(row);
  const RequestedSet& set = sets_[at];
  PlannedImage image{at, drawn_seed(seeds_[at].stream(static_cast<uint64_t>(number))),
                     set.requests[static_cast<size_t>(number) % set.requests.size()], ""};
  if (in_shards()) {
    image.path = fmt::format("{}#{:06}.{}", shard_path(row / images_per_shard_), row, image_format_);
  } else {
    const std::string folder =
        set.count > kFilesPerFolder ? fmt::format("{}/{:04}", set.folder, number / kFilesPerFolder) : set.folder;
    image.path = fmt::format("{}/{}_{:06}.{}", folder, set.folder, number, image_format_);
  }
  return image;
}

std::string SynthesisPlan::shard_path(int64_t shard) const { return fmt::format("shards/shard-{:06}.tar", shard); }

std::pair<int64_t, int64_t> SynthesisPlan::rows_of_shard(int64_t shard) const {
  return {shard * images_per_shard_, std::min(size(), (shard + 1) * images_per_shard_)};
}

void SynthesisPlan::for_each_row(const SynthesisPart& part, const std::function<void(int64_t)>& use) const {
  if (!in_shards()) {
    for (int64_t row = part.index; row < size(); row += part.count) use(row);
    return;
  }
  for (int64_t shard = part.index; shard < shard_count(); shard += part.count) {
    const auto [begin, end] = rows_of_shard(shard);
    for (int64_t row = begin; row < end; ++row) use(row);
  }
}

int64_t SynthesisPlan::size_of(const SynthesisPart& part) const {
  if (!in_shards()) return part.index < size() ? (size() - part.index - 1) / part.count + 1 : 0;
  int64_t rows = 0;
  for (int64_t shard = part.index; shard < shard_count(); shard += part.count)
    rows += rows_of_shard(shard).second - rows_of_shard(shard).first;
  return rows;
}

std::string SynthesisPlan::digest() const {
  std::string text = fmt::format("{} {} {} {}\n", seed_, generator_hash_, image_format_, images_per_shard_);
  for (const RequestedSet& set : sets_) {
    text += fmt::format("{}\n{}\n{}\n", set.label, set.folder, set.count);
    for (const std::string& request : set.requests) text += request + "\n";
  }
  return sha256(text);
}

uint64_t redrawn_seed(uint64_t seed) { return drawn_seed(Draws(seed, "redrawn").stream(0)); }

}  // namespace defound
