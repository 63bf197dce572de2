#pragma once
#include <map>
#include <string>
#include <vector>

#include "defound/core/files.h"
#include "synthesis_plan.h"

namespace defound {

/// The images of a job that were drawn again under another seed, as the first was not finite or of one color:
/// redrawn.csv (path,seed,redrawn) in the folder of the process that did it, which an interruption leaves in force.
class RedrawnImages {
 public:
  /// `file` is this process's own; `others` are those of other parts, or of an earlier division into parts.
  explicit RedrawnImages(fs::path file, const std::vector<fs::path>& others = {});

  /// Gives the image the seed that it has by now.
  void apply(PlannedImage& image) const;
  /// Moves the image on to its next seed and writes that down.
  void redraw(PlannedImage& image);
  size_t size() const { return rows_.size(); }   ///< of this process

 private:
  using Steps = std::map<uint64_t, uint64_t>;        ///< from a seed to the one that stands in for it
  using Rows = std::map<std::string, Steps>;         ///< by path
  static void read(const fs::path& file, Rows& rows);
  void save() const;

  fs::path file_;
  Rows rows_, known_;   ///< of this process, of all
};

}  // namespace defound
