#pragma once
#include <span>
#include <string>
#include <vector>

#include "defound/diffusion/noise_schedule.h"
#include "defound/models/generator.h"
#include "defound/models/training_requests.h"
#include "defound/run/run_dir.h"
#include "defound/tasks/train_generator.h"
#include "defound/train/objective.h"
#include "generator_source.h"

namespace defound {

/// One generator's training: the model and what the loop asks of it.
class GeneratorTraining {
 public:
  /// What it is given must outlive it.
  GeneratorTraining(const TrainGeneratorConfig& config, Generator generator, const TrainingRequests& requests,
                    const GeneratorSource& source, torch::Device device, const RunDir& run, Group& group);

  Objective objective();
  const Generator& generator() const { return generator_; }
  /// What was saved, on the device in fp32: the generator folder, or --init's with the adapter.
  Generator load_product() const;

 private:
  torch::Tensor loss(const Batch& batch, const Draws& draws, const torch::Tensor& context);
  torch::Tensor training_condition(const Batch& batch, const Draws& draws);
  Metrics validate();
  std::string draw_samples() const;
  void save(const TensorMap& weights) const;
  const TrainGeneratorConfig& config_;
  Generator generator_;
  NoiseSchedule schedule_;
  const TrainingRequests& requests_;
  const GeneratorSource& source_;
  std::unique_ptr<Dataset> held_out_;
  torch::Device device_;
  const RunDir& run_;
  Group& group_;
};

}  // namespace defound
