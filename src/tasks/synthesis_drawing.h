#pragma once
#include <span>

#include "redrawn_images.h"

namespace defound {

/// An image as it goes into the set.
struct DrawnImage {
  PlannedImage planned;   ///< with the seed that was used
  std::string bytes;      ///< encoded
};

/// Draws rows of a plan, batch by batch. Every batch is filled up to the same size, so that what a network rounds does not
/// depend on how a job is shared out or where it was broken off. Images of no use are drawn again under other seeds.
class SynthesisDrawing {
 public:
  SynthesisDrawing(const SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                   const SynthesisPart& part, RedrawnImages& redrawn);

  int64_t batch_size() const { return batch_size_; }
  /// The images of at most batch_size() rows. Fails (exit 1) when too many are of no use.
  std::vector<DrawnImage> draw(std::span<const int64_t> rows);

 private:
  std::vector<Image> draw_batch(const std::vector<PlannedImage>& planned) const;
  void redraw(PlannedImage& image);

  const SynthesisGenerator& generator_;
  const SynthesisPlan& plan_;
  RedrawnImages& redrawn_;
  std::string image_format_;
  int64_t batch_size_, rows_in_part_;
};

}  // namespace defound
