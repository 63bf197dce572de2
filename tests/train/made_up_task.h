#pragma once
#include <torch/nn/modules/linear.h>
#include <torch/torch.h>

#include <functional>
#include <set>

#include "defound/core/stop.h"
#include "defound/run/metrics_log.h"
#include "defound/run/run_dir.h"
#include "defound/tensor/random_tensor.h"
#include "defound/train/loop.h"

namespace defound::testing {

/// Four patterns of 4x4 pixels under noise that augmentation draws anew each epoch.
struct MadeUpImages : Dataset {
  explicit MadeUpImages(int64_t size) : count(size) {}
  int64_t size() const override { return count; }
  Sample get(int64_t index, const Draws& draws, uint64_t id) const override {
    Sample sample{torch::empty({1, 4, 4}), index % 4, ""};
    RandomStream noise = draws.stream(id);
    for (int64_t i = 0; i < 16; ++i) sample.image.data_ptr<float>()[i] = static_cast<float>((i % 4 == index % 4) + 0.3 * noise.normal());
    return sample;
  }
  int64_t count;
};

/// Two layers with dropout on rows and values, a buffer, and a frozen parameter.
struct MadeUpNet : torch::nn::Module {
  MadeUpNet() {
    torch::manual_seed(7);
    fc1 = register_module("fc1", torch::nn::Linear(16, 24));
    head = register_module("head", torch::nn::Linear(24, 4));
    shift = register_buffer("shift", torch::linspace(-0.1, 0.1, 16));
    frozen = register_parameter("frozen", torch::full({24}, 1.0F / 3), /*requires_grad=*/false);
  }
  torch::Tensor forward(const torch::Tensor& images, const std::vector<uint64_t>& ids, const Draws& draws) {
    const auto type = fc1->weight.scalar_type();
    torch::Tensor x = torch::gelu(fc1((images.flatten(1) + shift).to(type))) + frozen;
    if (is_training()) {
      const torch::Tensor kept = random_uniform(draws.purpose("dropout"), ids, {24}) > 0.2;
      const torch::Tensor path = random_uniform(draws.purpose("drop_path"), ids, {1}) > 0.1;
      x = x * kept.to(type) * path.to(type);
    }
    return at_least_fp32(head(x));
  }
  torch::nn::Linear fc1{nullptr}, head{nullptr};
  torch::Tensor shift, frozen;
};

/// A classification task around the two; products are last.safetensors and best.safetensors in the run's folder.
struct MadeUpTask {
  explicit MadeUpTask(int64_t size = 36) : data(size) {}

  Objective objective(const RunDir& run) {
    Objective made{.model = net, .groups = weight_decay_groups(net, 0.05)};
    made.loss = [this](const Batch& batch, const Draws& draws) {
      ++loss_calls;
      if (on_loss) on_loss(loss_calls);
      const torch::Tensor logits = net.forward(batch.images, batch.ids, draws);
      return Losses{{"loss", torch::cross_entropy_loss(logits, batch.labels) * factor}, {"error", (logits.argmax(1) != batch.labels).to(torch::kFloat64).mean()}};
    };
    made.validate = [this] { return validate(); };
    made.best_metric = "accuracy";
    made.save_product = [&run](const TensorMap& weights, bool best) {
      save_safetensors(run / "last.safetensors", weights);
      if (best) save_safetensors(run / "best.safetensors", weights);
    };
    return made;
  }

  Metrics validate() {
    ++validations;
    std::vector<torch::Tensor> images, labels;
    for (int64_t i = 0; i < 16; ++i) {
      const Sample sample = data.get(i, Draws(99, "validation"), static_cast<uint64_t>(i));
      images.push_back(sample.image);
      labels.push_back(torch::tensor(sample.label));
    }
    const torch::Tensor logits = net.forward(torch::stack(images), {}, Draws(0, ""));
    const torch::Tensor truth = torch::stack(labels);
    return {{"accuracy", (logits.argmax(1) == truth).to(torch::kFloat64).mean().item<double>()},
            {"loss", torch::cross_entropy_loss(logits, truth).item<double>()}};
  }

  MadeUpNet net;
  MadeUpImages data;
  std::function<void(int64_t)> on_loss;    ///< with the number of the call in this process, from 1
  double factor = 1;                       ///< of the loss; NaN breaks it
  int64_t loss_calls = 0, validations = 0;
};

/// 36 images in batches of 8 (4 steps an epoch), micro-batches of 3, 3, 2; 20 steps.
inline LoopOptions made_up_options() {
  LoopOptions options;
  options.train.epochs = 5;
  options.train.warmup_epochs = 0.5;
  options.train.batch_size = 8;
  options.train.micro_batch_size = 3;
  options.train.learning_rate = 0.02;
  options.train.max_grad_norm = 1.0;
  options.train.ema_decay = 0.9;
  options.train.log_every = 1;
  options.train.checkpoint_minutes = 1000;
  options.seed = 3;
  options.num_workers = 0;
  return options;
}

struct NoRecipe : Config {
  void visit(Visitor&) override {}
};

inline RunDir open_run(const fs::path& folder, Resume resume = Resume::kAuto) {
  NoRecipe config;
  return RunDir::open(folder, resume, config, "made-up");
}

/// Opens the folder, trains, and leaves the run closed.
inline ExitCode train_made_up(MadeUpTask& task, const LoopOptions& options, const fs::path& folder) {
  const RunDir run = open_run(folder);
  const StopSignal stop;
  Objective objective = task.objective(run);
  return train(objective, task.data, options, run);
}

/// Rows of metrics.jsonl without the columns that hold times.
inline std::vector<MetricsRow> metrics_without_times(const fs::path& run) {
  std::vector<MetricsRow> rows = read_metrics(run / "metrics.jsonl");
  const std::set<std::string> times{"images_per_second", "data_wait", "reduce_wait"};
  for (auto& row : rows) std::erase_if(row.values, [&](const auto& value) { return times.contains(value.first); });
  return rows;
}

}  // namespace defound::testing
