#pragma once
#include <span>

#include "defound/data/image_table.h"

namespace defound {

/// Copies of images, or of the shards that hold them, on this machine's own disk, for as long as the object lives: a network
/// file system is then read once and not in every epoch.
class StagedImages {
 public:
  /// Into `folder`, which is made; the tables' rows point there afterwards. Where `copies` is false another process of this
  /// machine makes the copies, and only the paths change. Rejects (exit 2) a disk with too little room.
  StagedImages(std::span<ImageTable* const> tables, const fs::path& folder, bool copies, int64_t threads);
  /// Removes what it copied.
  ~StagedImages();
  StagedImages(const StagedImages&) = delete;
  StagedImages& operator=(const StagedImages&) = delete;

 private:
  fs::path folder_;
  bool copies_;
};

/// The folder for such copies: TMPDIR, or /tmp.
fs::path scratch_folder();

}  // namespace defound
