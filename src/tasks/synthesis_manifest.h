#pragma once
#include "redrawn_images.h"

namespace defound {

/// The manifest of a part's rows, or of a whole set, line by line: never in memory at once.
class SynthesisManifest {
 public:
  /// `redrawn` nullptr: with the seeds as planned. `above` leads from the manifest's folder to the images' ("", "../../").
  SynthesisManifest(const SynthesisPlan& plan, const SynthesisPart& part, std::string generator_hash,
                    const RedrawnImages* redrawn, std::string above = "")
      : plan_(plan), part_(part), generator_hash_(std::move(generator_hash)), redrawn_(redrawn), above_(std::move(above)) {}

  /// Published whole.
  void write(const fs::path& path) const;
  /// Whether the file is this manifest, byte for byte.
  bool equals(const fs::path& path) const;

 private:
  void for_each_line(const std::function<void(const std::string& line)>& use) const;

  const SynthesisPlan& plan_;
  SynthesisPart part_;
  std::string generator_hash_;
  const RedrawnImages* redrawn_;
  std::string above_;
};

}  // namespace defound
