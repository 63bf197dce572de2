#pragma once
#include <string>
#include <vector>

#include "defound/models/generator.h"
#include "defound/nn/lora.h"
#include "defound/tasks/plan.h"
#include "defound/tasks/train_generator.h"

namespace defound {

/// The generator that a training begins with: that of --init, with a fresh adapter where one is asked for, or an untrained
/// one for these labels. What is not trained is frozen. Rejects (exit 2) options that do not fit together.
Generator start_generator(const TrainGeneratorConfig& config, std::vector<std::string> labels);

LoraOptions lora_options(const TrainGeneratorConfig& config);

/// What --dry_run says for so many images.
TrainingPlan plan_of_generator(const TrainGeneratorConfig& config, int64_t images);

}  // namespace defound
