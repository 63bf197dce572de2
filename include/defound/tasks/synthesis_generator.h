#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "defound/image/image.h"
#include "defound/models/sample_times.h"
#include "defound/run/provenance.h"

namespace defound {

struct SynthesizeConfig;

/// All that a synthesis job knows of what draws its images.
struct SynthesisGenerator {
  std::string name;                   ///< for messages and the report
  std::string hash;                   ///< names it in the manifest
  std::vector<std::string> labels;    ///< that it knows, in the order of the classes
  bool reads_text = false;            ///< whether any text may be requested
  std::function<std::string(const std::string& label)> request_for;   ///< what to ask for to get a label
  int64_t resolution = 0;             ///< side of an image in pixels
  double flops_per_image = 0;
  double weight_bytes = 0;            ///< that drawing holds, packed ones included (nn/packed_weight.h)
  Ancestry ancestry;
  /// Images of requests[n] under seeds[n]: row n depends on these two only, for batches of one size bit for bit. One that is
  /// not finite has no pixels.
  std::function<std::vector<Image>(std::span<const std::string> requests, std::span<const uint64_t> seeds)> draw;
  std::shared_ptr<SampleTimes> times = std::make_shared<SampleTimes>();   ///< what draw took, where it counts that
};

/// The generator folder config.generator with the sampler and guidance of the options. Rejects (exit 2) options that do not
/// fit and what is no generator; the network moves to its device when the first image is drawn.
SynthesisGenerator load_synthesis_generator(const SynthesizeConfig& config);

}  // namespace defound
