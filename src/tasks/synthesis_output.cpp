#include "synthesis_output.h"

#include "synthesis_folders.h"
#include "synthesis_shards.h"

namespace defound {

std::unique_ptr<SynthesisOutput> make_synthesis_output(const SynthesisPlan& plan, const SynthesisPart& part,
                                                       const fs::path& output, const std::string& generator_hash) {
  if (plan.in_shards()) return std::make_unique<SynthesisShards>(plan, part, output, generator_hash);
  return std::make_unique<SynthesisFolders>(plan, part, output);
}

void verify_synthesis_output(const SynthesisPlan& plan, const RedrawnImages& redrawn, const fs::path& output,
                             const std::string& generator_hash) {
  if (plan.in_shards()) SynthesisShards(plan, {}, output, generator_hash).verify(redrawn);
  else SynthesisFolders(plan, {}, output).verify();
}

}  // namespace defound
