#pragma once
#include <memory>

#include "defound/data/latent_cache.h"
#include "defound/dist/group.h"
#include "defound/models/generator.h"
#include "defound/models/training_requests.h"
#include "defound/tasks/train_generator.h"
#include "defound/tasks/training_data.h"

namespace defound {

/// Where the training of a generator has its samples from: the images of --data, or the latents and texts of
/// --cached_latents, of which neither an image is decoded nor the vae or the text encoder run.
class GeneratorSource {
 public:
  /// Rejects (exit 2) what load_training_data or LatentCache reject, and options that contradict the cache.
  explicit GeneratorSource(const TrainGeneratorConfig& config);

  /// Puts the vae where its images will be; or rejects a cache that another vae or text encoder made, or that lacks a
  /// prompt that may be requested, and gives the memory of both back.
  void attach(Generator& generator, torch::Device device, const TrainingRequests& requests) const;
  /// Leaves bad images out and records the ancestry in the run: of a cache that of the images it was made of.
  void prepare(Group& group, const RunDir& run);

  std::unique_ptr<Dataset> training_set() const;
  std::unique_ptr<Dataset> held_out_set() const;   ///< split val; the training rows where there is none
  /// A batch's latents [N, C, h, w] fp32, drawn under `draws` and its ids.
  torch::Tensor latents(Generator& generator, const Batch& batch, const Draws& draws) const;

  bool is_cached() const { return cache_ != nullptr; }

  TrainingData data;

 private:
  void check_maker(const Generator& generator) const;
  void check_prompts(const TrainingRequests& requests) const;
  std::unique_ptr<Dataset> set_of(const ImageTable& table, int64_t first) const;
  const TrainGeneratorConfig& config_;
  std::unique_ptr<LatentCache> cache_;   // null: images
};

}  // namespace defound
