#pragma once
#include "defound/core/launch.h"
#include "redrawn_images.h"

namespace defound {

/// --part i/N, or a Slurm array's task; the whole job where neither is given. Rejects (exit 2) what is no part.
SynthesisPart synthesis_part(const SynthesizeConfig& config, const Launch& launch);

/// The run folder of a part, below the job's folder.
fs::path part_folder(const fs::path& output, const SynthesisPart& part);

/// The redrawn.csv of every part that is there, whatever the division.
std::vector<fs::path> redrawn_files(const fs::path& output);

/// Makes sure, before a part writes, that the job's folder is fresh or of this very job: parts/job.json says which. Rejects
/// (exit 2) a folder that holds something else, and another recipe, generator or plan.
void claim_job_folder(SynthesizeConfig& config, const SynthesisPlan& plan);

/// Into how many parts the finished job was divided. Rejects (exit 2), naming them: parts that are missing or not done,
/// several divisions, and a folder of another job.
int64_t finished_parts(SynthesizeConfig& config, const SynthesisPlan& plan);

}  // namespace defound
