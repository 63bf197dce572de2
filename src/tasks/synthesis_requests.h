#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "defound/tasks/synthesize.h"

namespace defound {

/// The images of one label or one prompt.
struct RequestedSet {
  std::string label;                   ///< "": of a prompt that is no label's
  std::vector<std::string> requests;   ///< what the generator is asked for; image i takes the (i mod size)th
  std::string folder;                  ///< below the output folder; the files' names begin with it too
  int64_t count = 0;
  /// For people.
  const std::string& title() const { return label.empty() ? requests.front() : label; }
};

/// The labels in their order, the combinations of labels ("a|b") in that of --count, then the prompts. Rejects (exit 2)
/// counts that are none, unknown labels, what is asked for twice, prompts and combinations for a generator that reads no
/// text, and names that cannot be folders.
std::vector<RequestedSet> requested_sets(const SynthesizeConfig& config, const SynthesisGenerator& generator);

}  // namespace defound
