#include "defound/tasks/explain_reconstruct.h"

#include <fmt/ranges.h>

#include <ostream>

#include "defound/core/progress.h"
#include "defound/core/version.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/image/image_io.h"
#include "defound/models/key_maps.h"
#include "defound/run/report.h"
#include "defound/tasks/training_data.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/device.h"
#include "defound/tensor/npy.h"
#include "defound/tensor/random_tensor.h"
#include "defound/tensor/weights_reader.h"
#include "loop_setup.h"
#include "model_metadata.h"
#include "reconstruction.h"

namespace defound {

void ExplainReconstructConfig::visit(Visitor& v) {
  v.group("Reconstruction");
  v(field("model", "masked autoencoder with its decoder: mae.safetensors, or a run folder of defound-pretrain"), model);
  v(field("arch", "architecture, where neither the file nor its shapes tell: mae_vit_large_patch16, ..."), arch);
  v(field("norm_pix_loss", "for a file that does not say it: trained on normalized patches; such predictions get each true patch's own mean and variance back"), norm_pix_loss);
  v(field("count", "images to reconstruct, evenly spaced over the data").range(1, 10000), count);
  v(field("mask_ratio", "share of patches hidden from the encoder").range(0.01, 0.99), mask_ratio);
  v(field("batch_size", "images per forward pass; changes no mask").range(1, 65536).may_change(), batch_size);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
}

namespace {

constexpr int64_t kMostPictured = 48;

struct LoadedMae {
  fs::path file;
  std::shared_ptr<MaskedAutoencoder> model;
  TransformOptions transform;
};

LoadedMae load_mae_file(const ExplainReconstructConfig& config) {
  LoadedMae out{weights_file(config.model, "mae.safetensors"), nullptr, {}};
  const WeightsFile file = read_weights(out.file);
  if (!has_decoder(file.tensors))
    reject("{} holds no decoder, so there is nothing to reconstruct with; use the file that has it (mae.safetensors, mae_pretrain_vit_large_full.pth)", out.file.string());
  MaeConfig mae;
  if (file.metadata.contains("defound.config")) {
    if (!config.arch.empty()) reject("{} says itself what it is; leave --arch out", out.file.string());
    from_json(mae, metadata_json(file.metadata, "defound.config", out.file), out.file.string(), UnknownKeys::kIgnore);
    check_ranges(mae);
  } else {
    mae = mae_config(config.arch.empty() ? "mae_" + arch_of_shapes(file.tensors, out.file) : config.arch);
    mae.img_size = stored_input_size(file.tensors, mae.patch_size, mae.img_size);
    mae.norm_pix_loss = config.norm_pix_loss;
  }
  mae.check();
  out.transform = file.metadata.contains("defound.input") ? input_transform(file.metadata, out.file) : transform_preset("evaluate", mae.img_size);
  out.transform.size = mae.img_size;
  out.model = std::make_shared<MaskedAutoencoder>(mae);
  load_mae(*out.model, file.tensors, out.file.string());
  out.model->eval();
  return out;
}

ImageTable spaced_rows(const ImageTable& table, int64_t count) {
  ImageTable rows{{}, table.classes, table.extra_columns};
  const int64_t taken = std::min(count, table.size());
  for (int64_t i = 0; i < taken; ++i) rows.rows.push_back(table.rows[static_cast<size_t>(i * table.size() / taken)]);
  return rows;
}

struct Reconstructed {
  torch::Tensor images;
  Reconstruction all;
};

/// All on the CPU.
Reconstructed reconstruct_all(const ExplainReconstructConfig& config, const LoadedMae& mae, const ImageTable& table, torch::Device device) {
  const ImageDataset dataset(table, mae.transform, /*cache_bytes=*/0);
  const Draws draws(static_cast<uint64_t>(config.run.seed), "mask");
  const auto type = mae.model->cls_token.scalar_type();
  std::vector<torch::Tensor> images, losses, masks, predictions;
  Progress progress("reconstruct", table.size());
  for_each_batch(dataset, {0, table.size()}, config.batch_size, [&](const Batch& batch) {
    const torch::Tensor noise = random_uniform(draws, batch.ids, {mae.model->config.num_patches()}).to(device);   // [N, L]
    const Reconstruction part = reconstruct(*mae.model, batch.images.to(device, type), noise, config.mask_ratio);
    images.push_back(batch.images), losses.push_back(part.loss_per_image.cpu()), masks.push_back(part.mask.cpu()), predictions.push_back(part.prediction.cpu());
    progress.update(static_cast<int64_t>(batch.ids.back()) + 1);
  });
  return {torch::cat(images), {torch::cat(losses).to(torch::kDouble), torch::cat(masks), torch::cat(predictions)}};
}

/// Pixels in 0..1 from the model's input.
torch::Tensor as_pixels(const torch::Tensor& images, const TransformOptions& transform) {
  const auto channels = [](const ChannelValues& values) { return torch::tensor({values[0], values[1], values[2]}).view({1, 3, 1, 1}); };
  return images * channels(transform.std) + channels(transform.mean);
}

Json reconstruction_metrics(const ExplainReconstructConfig& config, const LoadedMae& mae, const ImageTable& table, const torch::Tensor& losses) {
  Json images = Json::array();
  for (int64_t n = 0; n < table.size(); ++n) images.push_back({{"path", table.rows[static_cast<size_t>(n)].path.string()}, {"loss", losses[n].item<double>()}});
  return {{"model", mae.file.string()}, {"model_sha256", sha256_file(mae.file)}, {"mask_ratio", config.mask_ratio}, {"seed", config.run.seed},
          {"norm_pix_loss", mae.model->config.norm_pix_loss}, {"version", version_text()}, {"loss", losses.mean().item<double>()}, {"images", images}};
}

void write_products(const RunDir& run, const ExplainReconstructConfig& config, const LoadedMae& mae, const ImageTable& table, const Reconstructed& made) {
  save_npy(run / "images.npy", as_pixels(made.images, mae.transform));
  save_npy(run / "mask.npy", made.all.mask.to(torch::kUInt8));
  save_npy(run / "prediction.npy", as_pixels(made.all.prediction, mae.transform));
  write_atomic(run / "metrics.json", reconstruction_metrics(config, mae, table, made.all.loss_per_image).dump(2) + "\n");
  const auto first = [](const torch::Tensor& rows) { return rows.slice(0, 0, kMostPictured); };
  const Reconstruction shown{first(made.all.loss_per_image), first(made.all.mask), first(made.all.prediction)};
  const std::string picture = encode_png(reconstruction_picture(shown, first(made.images), mae.model->config.patch_size, mae.transform.mean, mae.transform.std));
  write_atomic(run / "reconstruction.png", picture);
  Report report(fmt::format("Reconstruction of {} images, {:.0f} % of the patches hidden", table.size(), 100 * config.mask_ratio),
                fmt::format("{} on {}, defound {}", mae.file.string(), fmt::join(config.data.data, ", "), version_text()));
  const char* normalized = ", in pixels normalized within each patch. The predicted patches below have the true patches' mean and variance";
  report.paragraph(fmt::format("Mean loss {:.4f} over the hidden patches{}.", made.all.loss_per_image.mean().item<double>(), mae.model->config.norm_pix_loss ? normalized : ""));
  report.picture("Image, what the encoder sees, prediction, prediction with the visible patches; two images a row", picture);
  report.write(run / "report.html");
}

}  // namespace

ExitCode explain_reconstruct(ExplainReconstructConfig& config, const std::string& command, std::ostream& out) {
  if (config.model.empty()) reject("--model is missing: the masked autoencoder");
  const torch::Device device = apply_execution(config.execution);
  const LoadedMae mae = load_mae_file(config);
  const ImageTable table = spaced_rows(load_table(config.data), config.count);
  if (config.execution.dry_run)
    return out << fmt::format("{:<24}{}\n{:<24}{} px\n{:<24}{}\n", "model", mae.file.string(), "input", mae.transform.size, "images", table.size()), ExitCode::kDone;
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  TrainingData data{table, {}};
  prepare_run(data, run, config.data, config.execution, {config.model});
  mae.model->to(device, parse_precision(config.execution.precision));
  pack_weights(*mae.model);
  const Reconstructed made = reconstruct_all(config, mae, data.train, device);
  write_products(run, config, mae, data.train, made);
  run.finish();
  out << fmt::format("loss {:.6f} over {} images\n{}\n", made.all.loss_per_image.mean().item<double>(), data.train.size(), (run / "report.html").string());
  return ExitCode::kDone;
}

}  // namespace defound
