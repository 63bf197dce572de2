#include "defound/tasks/classifier.h"

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/image/transform.h"
#include "defound/models/vit.h"
#include "defound/models/weights_identity.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/weights_reader.h"
#include "model_metadata.h"

namespace defound {
namespace {

std::vector<std::string> read_classes(const WeightsFile& file, const fs::path& path) {
  const fs::path beside = path.parent_path() / "classes.json";
  const bool inside = file.metadata.count("defound.classes") > 0;
  if (!inside && !fs::exists(beside)) reject("{} names no classes, and there is no {}", path.string(), beside.string());
  const Json names = inside ? metadata_json(file.metadata, "defound.classes", path) : parse_json(read_text(beside), beside.string());
  try {
    return names.get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    reject("{}: the classes must be a list of texts", inside ? path.string() : beside.string());
  }
}

}  // namespace

Classifier load_classifier(const std::string& path) {
  Classifier out{weights_file(path, "best.safetensors"), {}, nullptr, nullptr};
  const WeightsFile file = read_weights(out.file);
  VitConfig config;
  if (!file.metadata.contains("defound.config"))
    reject("{} has no \"defound.config\" in its metadata: a classifier that defound-finetune wrote is needed. The file is this: {}", out.file.string(),
           identify_weights(file.tensors, file.metadata).what);
  from_json(config, metadata_json(file.metadata, "defound.config", out.file), out.file.string(), UnknownKeys::kIgnore);
  check_ranges(config);
  config.check();
  out.transform = std::make_shared<TransformOptions>(input_transform(file.metadata, out.file));
  if (out.transform->size != config.img_size)
    reject("{}: the input size {} is not the model's {}", out.file.string(), out.transform->size, config.img_size);
  out.classes = read_classes(file, out.file);
  if (static_cast<int64_t>(out.classes.size()) != config.num_classes)
    reject("{}: {} classes are named, the head has {}", out.file.string(), out.classes.size(), config.num_classes);
  out.model = std::make_shared<VisionTransformer>(config);
  const std::string cause = misfit_cause(identify_weights(file.tensors, file.metadata), identify_weights(state_dict(*out.model)));
  load_weights(*out.model, file.tensors, {.missing_ok = {}, .surplus_ok = {}, .cause = cause}, out.file.string());
  out.model->eval();
  return out;
}

}  // namespace defound
