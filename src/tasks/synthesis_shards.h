#pragma once
#include "synthesis_output.h"

namespace defound {

/// WebDataset shards, each made whole: 000123.png with what the manifest says of it as 000123.json.
class SynthesisShards : public SynthesisOutput {
 public:
  SynthesisShards(const SynthesisPlan& plan, const SynthesisPart& part, fs::path output, std::string generator_hash)
      : plan_(plan), part_(part), output_(std::move(output)), generator_hash_(std::move(generator_hash)) {}
  int64_t find_missing() override;
  bool make(SynthesisDrawing& drawing, const std::function<void(int64_t)>& made) override;
  /// Rejects the first shard that is gone, cut off, or whose members are not those of its rows in their order.
  void verify(const RedrawnImages& redrawn) const;

 private:
  bool make_shard(int64_t shard, SynthesisDrawing& drawing, const std::function<void(int64_t rows)>& made) const;
  void verify_shard(int64_t shard, const RedrawnImages& redrawn) const;
  /// {"label": ..., "split": "train", "prompt": ..., "source": "synthetic", "seed": ..., "generator": ...}
  std::string description(const PlannedImage& image) const;

  const SynthesisPlan& plan_;
  SynthesisPart part_;
  fs::path output_;
  std::string generator_hash_;
  std::vector<int64_t> missing_;   ///< shards
};

}  // namespace defound
