#include "defound/tasks/encoder.h"

#include "defound/core/error.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/data/loader.h"
#include "defound/models/key_maps.h"
#include "defound/models/vit.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/weights_reader.h"
#include "model_metadata.h"

namespace defound {
namespace {

VitConfig encoder_config(const WeightsFile& file, const fs::path& path, const EncoderRequest& request) {
  VitConfig config;
  if (file.metadata.contains("defound.config")) {
    if (!request.arch.empty()) reject("{} says itself what it is; leave --arch out", path.string());
    from_json(config, metadata_json(file.metadata, "defound.config", path), path.string(), UnknownKeys::kIgnore);
    check_ranges(config);
  } else {
    config = vit_config(request.arch.empty() ? arch_of_shapes(file.tensors, path) : request.arch);
    config.img_size = stored_input_size(file.tensors, config.patch_size, config.img_size);
  }
  if (request.input_size > 0) config.img_size = request.input_size;
  config.num_classes = 1;
  config.drop_path_rate = 0;
  config.global_pool = request.pool == "mean" ? "avg" : "token";
  config.check();
  return config;
}

fs::path encoder_file(const std::string& file_or_folder) {
  const fs::path best = fs::path(file_or_folder) / "best.safetensors";
  return fs::is_directory(file_or_folder) && fs::exists(best) ? best : weights_file(file_or_folder, "encoder.safetensors");
}

}  // namespace

Encoder load_encoder(const EncoderRequest& request) {
  Encoder out{encoder_file(request.model), nullptr, nullptr, ""};
  WeightsFile file = read_weights(out.file);
  const VitConfig config = encoder_config(file, out.file, request);
  out.transform = std::make_shared<TransformOptions>(file.metadata.contains("defound.input") ? input_transform(file.metadata, out.file)
                                                                                             : transform_preset("evaluate", config.img_size));
  out.transform->size = config.img_size;
  const bool has_fc_norm = file.tensors.contains("fc_norm.weight");
  if (request.pool == "cls") {
    if (has_fc_norm && !file.tensors.contains("norm.weight"))
      reject("{} was fine-tuned with the mean of the patches and has no norm for the class token; use --pool mean", out.file.string());
    std::erase_if(file.tensors, [](const auto& item) { return item.first.starts_with("fc_norm."); });
  }
  out.model = std::make_shared<VisionTransformer>(config);
  const torch::NoGradGuard no_grad;
  if (out.model->fc_norm) out.model->fc_norm->weight.fill_(1.0), out.model->fc_norm->bias.zero_();
  out.model->head->weight.zero_(), out.model->head->bias.zero_();
  load_encoder(*out.model, std::move(file.tensors), out.file.string());
  out.model->eval();
  out.pooling = request.pool == "cls" ? "the class token after norm"
                : has_fc_norm         ? "the mean of the patch tokens, then the file's fc_norm"
                                      : "the mean of the patch tokens before norm, then a layer norm without weights";
  return out;
}

torch::Tensor embed_images(VisionTransformer& model, const Dataset& dataset, int64_t batch_size, const c10::Device& device, int64_t num_workers) {
  const torch::NoGradGuard no_grad;
  const auto type = model.cls_token.scalar_type();
  torch::Tensor features = torch::empty({dataset.size(), model.config.embed_dim});   // [N, D]
  if (dataset.size() == 0) return features;
  Loader loader(dataset, {.batch_size = batch_size, .num_workers = num_workers, .seed = 0, .shuffle = false, .drop_last = false, .pin_memory = device.is_cuda(), .start = {}});
  Progress progress("embed", dataset.size());
  for (int64_t done = 0; done < dataset.size();) {
    if (StopSignal::requested())
      throw Error(ExitCode::kSaved, fmt::format("stopped by {} after {} of {} images; run the same command again with --resume auto", StopSignal::name(), done, dataset.size()));
    const Batch batch = loader.next();
    const torch::Tensor tokens = model.forward_features(batch.images.to(device, type, /*non_blocking=*/true));   // [N, 1+L, D]
    const torch::Tensor pooled = model.forward_head(tokens, /*pre_logits=*/true).to(torch::kCPU, torch::kFloat);
    if (!torch::isfinite(pooled).all().item<bool>())
      fail("the features of images {} to {} are not finite; use --precision fp32, or check the weights", done, done + batch.size() - 1);
    features.slice(0, done, done + batch.size()).copy_(pooled);
    progress.update(done += batch.size());
  }
  return features;
}

}  // namespace defound
