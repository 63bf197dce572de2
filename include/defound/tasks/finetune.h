#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct FinetuneConfig : RunConfig<FinetuneConfig> {
  FinetuneConfig();
  DataOptions data;
  std::string model = "vit_large_patch16";
  int64_t input_size = 224;
  int64_t patch_size = 0;
  int64_t depth = 0;
  std::string global_pool = "avg";
  double drop_path = 0.2;
  double label_smoothing = 0.1;
  double layer_decay = 0.65;
  std::string augmentation = "deretfound";
  std::string init;
  bool shuffle_labels = false;
  TrainOptions train;
  RunOptions run;
  ExecutionOptions execution;
  GroupOptions group;
  void visit(Visitor& v) override;
};

/// Supervised fine-tuning of a vision transformer on labelled images: rows of split train, best epoch by macro
/// one-vs-rest AUROC on split val. Writes best.safetensors, last.safetensors, classes.json and report.html.
ExitCode finetune(FinetuneConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
