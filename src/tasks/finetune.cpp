#include "defound/tasks/finetune.h"

#include <ostream>

#include "defound/data/image_dataset.h"
#include "defound/eval/metrics.h"
#include "defound/models/flops.h"
#include "defound/models/key_maps.h"
#include "defound/models/vit.h"
#include "group_run.h"
#include "loop_setup.h"
#include "defound/tasks/plan.h"
#include "defound/tasks/predict.h"
#include "defound/tasks/training_data.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/device.h"
#include "defound/tensor/weights_reader.h"
#include "defound/train/training_report.h"

namespace defound {
namespace {

VitConfig model_config(const FinetuneConfig& config, int64_t num_classes) {
  VitConfig vit = vit_config(config.model);
  vit.img_size = config.input_size;
  if (config.patch_size > 0) vit.patch_size = config.patch_size;
  if (config.depth > 0) vit.depth = config.depth;
  vit.global_pool = config.global_pool;
  vit.drop_path_rate = config.drop_path;
  vit.num_classes = num_classes;
  vit.check();
  return vit;
}

TrainingPlan plan_of(const FinetuneConfig& config, const VitConfig& vit, int64_t images) {
  const VisionTransformer model(vit, torch::kMeta);
  const TransformerSize size{vit.embed_dim, vit.depth, vit.num_heads, vit.grid_size() * vit.grid_size() + 1, vit.mlp_ratio};
  TrainingPlan plan;
  plan.model = fmt::format("{}, {} px, patch {}, {} classes", config.model, vit.img_size, vit.patch_size, vit.num_classes);
  for (const auto& parameter : model.parameters()) plan.parameters += parameter.numel();
  plan.trained = plan.parameters;
  plan.saved = 2 * plan.parameters;  // best and last
  plan.flops_per_image = 3 * vit_flops(size, vit.patch_size, vit.in_chans);
  plan.activation_bytes_per_image = transformer_activation_bytes(size, 4);
  plan.images = images;
  plan.steps = total_steps(config.train, images);
  return plan;
}

/// Labels in a random order: what is left to learn then is nothing.
void shuffle_labels(ImageTable& table, uint64_t seed) {
  const auto order = permutation(table.size(), Draws(seed, "shuffled_labels"), 0);
  const ImageTable before = table;
  for (int64_t i = 0; i < table.size(); ++i) table.rows[i].label = before.rows[order[i]].label;
}

void load_init(VisionTransformer& model, const FinetuneConfig& config) {
  const fs::path file = weights_file(config.init, "encoder.safetensors");
  load_encoder(model, read_weights(file).tensors, file.string());
}

/// Rejects what would end the run at its first step, before its folder is made: the command may then be given again.
void check_start(const FinetuneConfig& config, const VitConfig& vit, int64_t images) {
  if (!config.init.empty()) weights_file(config.init, "encoder.safetensors");
  total_steps(config.train, images);  // fewer images than a batch
  if (config.init.empty()) return;
  VisionTransformer model(vit);
  load_init(model, config);
}

/// One fine-tuning: the model and what the loop asks of it.
class Finetuning {
 public:
  Finetuning(const FinetuneConfig& config, const VitConfig& vit, const ImageDataset& held_out, std::vector<std::string> classes, torch::Device device,
             const RunDir& run, Group& group)
      : config_(config), model_(vit), held_out_(held_out), classes_(std::move(classes)), device_(device), run_(run), group_(group) {
    model_.init_weights(Draws(static_cast<uint64_t>(config.run.seed), "init"));
    if (!config.init.empty()) load_init(model_, config);
  }

  Objective objective() {
    return {.model = model_,
            .groups = layer_decay_groups(model_, model_.config.depth, config_.train.weight_decay, config_.layer_decay),
            .loss = [this](const Batch& batch, const Draws& draws) { return loss(batch, draws); },
            .validate = [this] { return validate(); },
            .best_metric = "auroc",
            .higher_is_better = true,
            .save_product = [this](const TensorMap& weights, bool best) { save(weights, best); }};
  }

 private:
  Losses loss(const Batch& batch, const Draws& draws) {
    const RowDraws rows{draws.purpose("drop_path"), batch.ids};
    const torch::Tensor logits = at_least_fp32(model_.forward(batch.images, &rows));  // [N, classes]
    return {{"loss", torch::cross_entropy_loss(logits, batch.labels, /*weight=*/{}, at::Reduction::Mean, /*ignore_index=*/-100, config_.label_smoothing)}};
  }

  Metrics validate() {
    const ClassificationMetrics metrics(predict_together(group_, model_, held_out_, 64, device_));
    return {{"auroc", metrics.value("macro_auroc")}, {"aupr", metrics.value("macro_aupr")}, {"accuracy", metrics.value("accuracy")}};
  }

  void save(const TensorMap& weights, bool best) {
    VitConfig vit = model_.config;
    const std::map<std::string, std::string> metadata = {{"format", "pt"},
                                                         {"defound.model", "vit"},
                                                         {"defound.config", to_json(vit).dump()},
                                                         {"defound.classes", Json(classes_).dump()},
                                                         {"defound.input", model_input(config_.input_size).dump()}};
    save_safetensors(run_ / "last.safetensors", weights, metadata);
    if (best) save_safetensors(run_ / "best.safetensors", weights, metadata);
  }

  const FinetuneConfig& config_;
  VisionTransformer model_;
  const ImageDataset& held_out_;
  std::vector<std::string> classes_;
  torch::Device device_;
  const RunDir& run_;
  Group& group_;
};

ExitCode finetune_in(Group& group, FinetuneConfig& config, const VitConfig& vit, TrainingData& data, torch::Device device, const std::string& command) {
  const RunDir run = open_run(group, config.run, config, command);
  if (run.is_done()) return ExitCode::kDone;
  prepare_run(group, data, run, config.data, config.execution, {config.init});
  const auto staged = stage_data(group, data, config.train, config.execution);
  if (group.is_leader()) write_atomic(run / "classes.json", Json(data.train.classes).dump(2) + "\n");
  if (config.shuffle_labels) shuffle_labels(data.train, static_cast<uint64_t>(config.run.seed));

  const std::string preset = config.augmentation == "none" ? "evaluate" : config.augmentation;
  const ImageDataset dataset(data.train, transform_preset(preset, config.input_size));
  const ImageDataset held_out(data.val, transform_preset("evaluate", config.input_size));
  Finetuning finetuning(config, vit, held_out, data.train.classes, device, run, group);
  Objective objective = finetuning.objective();
  const ExitCode code = train(objective, dataset, loop_options(config.train, config.run, config.execution, device, group), run);
  if (code != ExitCode::kDone || !group.is_leader()) return code;
  write_training_report(run, "Fine-tuning", {});
  run.finish();
  return code;
}

}  // namespace

ExitCode finetune(FinetuneConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  TrainingData data = load_training_data(config.data, LabelUse::kRequired);
  if (data.val.rows.empty())
    reject("{} has no rows of split val to choose the best epoch by; make them with defound-data split", config.data.data.front());
  const VitConfig vit = model_config(config, static_cast<int64_t>(data.train.classes.size()));
  check_start(config, vit, data.train.size());
  if (config.execution.dry_run) return print_plan(out, describe_plan(plan_of(config, vit, data.train.size()), config.train, config.execution.precision, config.run.output));
  return run_together(device, config.group.timeout_seconds, [&](Group& group) { return finetune_in(group, config, vit, data, device, command); });
}

}  // namespace defound
