#pragma once
#include <memory>
#include <string>
#include <vector>

#include "defound/core/files.h"

namespace defound {

struct TransformOptions;
struct VisionTransformer;

/// A fine-tuned classifier as defound-finetune writes it: one .safetensors file whose metadata holds the model's config
/// ("defound.config"), how an image becomes its input ("defound.input") and its classes ("defound.classes", else the
/// classes.json beside the file).
struct Classifier {
  fs::path file;
  std::vector<std::string> classes;              ///< in the order of the outputs
  std::shared_ptr<VisionTransformer> model;      ///< fp32, on the CPU
  std::shared_ptr<TransformOptions> transform;   ///< nothing random
};

/// `path`: the file, or a run folder (its best.safetensors). Rejects (exit 2) a file that is no classifier, naming what
/// is missing, and classes that do not fit the head.
Classifier load_classifier(const std::string& path);

}  // namespace defound
