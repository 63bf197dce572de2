#pragma once
#include <unordered_set>

#include "synthesis_output.h"

namespace defound {

/// Class folders with a file for each row. The files of a batch are synced together.
class SynthesisFolders : public SynthesisOutput {
 public:
  SynthesisFolders(const SynthesisPlan& plan, const SynthesisPart& part, fs::path output)
      : plan_(plan), part_(part), output_(std::move(output)) {}
  int64_t find_missing() override;
  bool make(SynthesisDrawing& drawing, const std::function<void(int64_t)>& made) override;
  /// Rejects the first row whose file is gone, cut short or no image.
  void verify();

 private:
  bool is_made(const fs::path& path);
  void list(const fs::path& folder);
  void write(const std::vector<DrawnImage>& images) const;

  const SynthesisPlan& plan_;
  SynthesisPart part_;
  fs::path output_, listed_;                       ///< the folder whose names are in names_: rows go folder by folder
  std::unordered_set<std::string> names_;
  std::vector<std::string> temporaries_;           ///< hidden names in it
  std::vector<int64_t> missing_;
};

}  // namespace defound
