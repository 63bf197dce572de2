#pragma once
#include <optional>

#include "defound/data/loader.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// All that a training run needs to go on bit by bit.
struct Checkpoint {
  int64_t step = 0;             ///< optimizer steps done
  Position position;            ///< of the next sample
  int64_t dataset_size = 0;
  std::optional<double> best;   ///< best validation so far
  int64_t best_step = 0;
  TensorMap tensors;            ///< masters, buffers, EMA, optimizer, loss scale, running means; by name
};

/// checkpoints/step-000123.safetensors below the run's folder.
fs::path checkpoint_file(const fs::path& folder, int64_t step);

/// Publishes the file whole (temporary name, sync, rename), with a checksum over all of its content. Where several processes
/// wrote parts before, `parts` are their checksums, by rank.
void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint, const std::vector<std::string>& parts = {});
/// With the tensors of all parts. An Error when a file is torn, changed, missing or no checkpoint.
Checkpoint load_checkpoint(const fs::path& file);

/// step-000123.part-2.safetensors beside step-000123.safetensors.
fs::path checkpoint_part(const fs::path& file, int64_t rank);
/// Publishes the tensors of `checkpoint` as a part; its checksum.
std::string save_checkpoint_part(const fs::path& part, const Checkpoint& checkpoint);

struct FoundCheckpoint {
  fs::path file;
  Checkpoint checkpoint;
};
/// The newest whole one in `folder`. A damaged newer one is named in a warning and renamed to *.torn.
std::optional<FoundCheckpoint> find_newest_checkpoint(const fs::path& folder);

/// Removes what a killed or failed writer left of steps after `newest`, before anybody writes again; parts of a checkpoint that
/// was whole once and could not be read stay. Needs the run's lock.
void remove_unfinished_checkpoints(const fs::path& folder, int64_t newest);
/// Removes all but the `keep` newest, and what killed writers left of steps up to the newest. Needs the run's lock.
void prune_checkpoints(const fs::path& folder, int64_t keep);

}  // namespace defound
