#pragma once
#include <optional>
#include <string>

#include "defound/models/weights_identity.h"

namespace defound {

/// Names below a prefix with their shapes; values are out of reach.
class WeightsShapes {
 public:
  WeightsShapes(const TensorMap& tensors, const std::map<std::string, std::string>& metadata, std::string prefix)
      : tensors_(tensors), metadata_(metadata), prefix_(std::move(prefix)) {}

  bool has(const std::string& name) const { return tensors_.contains(prefix_ + name); }
  /// 0 for a name that is missing and a dimension that it lacks.
  int64_t size(const std::string& name, int64_t dimension) const;
  bool any_begins(const std::string& start) const;
  /// How many names begin and end so.
  int64_t count(const std::string& start, const std::string& end) const;
  /// The first name (without the prefix) that begins and ends so.
  std::optional<std::string> first(const std::string& start, const std::string& end) const;
  /// Names below the prefix, without it.
  std::vector<std::string> names() const;
  /// The whole file's; "" where there is none.
  std::string metadata(const std::string& key) const;

 private:
  const TensorMap& tensors_;
  const std::map<std::string, std::string>& metadata_;
  std::string prefix_;
};

// Each is the identity, or nothing where the names are of another kind.
std::optional<WeightsIdentity> identify_vit(const WeightsShapes& shapes);
std::optional<WeightsIdentity> identify_transformers_vit(const WeightsShapes& shapes);
std::optional<WeightsIdentity> identify_unet(const WeightsShapes& shapes);
std::optional<WeightsIdentity> identify_autoencoder(const WeightsShapes& shapes);
std::optional<WeightsIdentity> identify_clip_text(const WeightsShapes& shapes);
std::optional<WeightsIdentity> identify_stable_diffusion(const WeightsShapes& shapes);

}  // namespace defound
