#pragma once
#include "synthesis_drawing.h"

namespace defound {

/// The images of a part on disk: what is there, and the making of what is not. Nothing but whole files and shards ever has
/// its own name; what a killed process left under a temporary one is removed.
class SynthesisOutput {
 public:
  virtual ~SynthesisOutput() = default;
  /// Rows that have no image yet.
  virtual int64_t find_missing() = 0;
  /// Makes them; `made` is told how many there are by now. False when a signal stopped it.
  virtual bool make(SynthesisDrawing& drawing, const std::function<void(int64_t rows)>& made) = 0;
};

/// Class folders (a file a row) or shards, as the plan says, below `output`.
std::unique_ptr<SynthesisOutput> make_synthesis_output(const SynthesisPlan& plan, const SynthesisPart& part,
                                                       const fs::path& output, const std::string& generator_hash);

/// Rejects (exit 2) the first file or shard of the plan that is gone, cut off, or does not hold what it shall.
void verify_synthesis_output(const SynthesisPlan& plan, const RedrawnImages& redrawn, const fs::path& output,
                             const std::string& generator_hash);

}  // namespace defound
