#pragma once
#include "defound/run/run_dir.h"
#include "redrawn_images.h"

namespace defound {

/// report.html of a set, or of a part of one: images of each label, and the first of them.
void write_synthesis_report(const RunDir& run, const SynthesizeConfig& config, const SynthesisPlan& plan,
                            const SynthesisPart& part);

/// What --dry_run prints: images of each label, the parts, work, time where the rate of an earlier start is known, disk.
std::string describe_synthesis(const SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                               const SynthesisPart& part);

/// The field of a start's row in provenance.json that holds its images a second.
inline constexpr const char* kSynthesisRate = "images_per_second";

}  // namespace defound
