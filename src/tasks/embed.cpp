#include "defound/tasks/embed.h"

#include <fmt/ranges.h>

#include <ostream>

#include "defound/core/version.h"
#include "defound/data/csv.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/data/manifest.h"
#include "defound/models/flops.h"
#include "defound/models/vit.h"
#include "defound/tasks/encoder.h"
#include "defound/tasks/training_data.h"
#include "defound/tensor/device.h"
#include "defound/tensor/npy.h"
#include "embed_probes.h"
#include "feature_plane.h"
#include "leak_check.h"

namespace defound {
namespace {

std::string plan_text(const EmbedConfig& config, const Encoder& encoder, const ImageTable& table, const LeakCheck& leaks, bool probed) {
  const VitConfig& vit = encoder.model->config;
  const TransformerSize size{vit.embed_dim, vit.depth, vit.num_heads, vit.grid_size() * vit.grid_size() + 1, vit.mlp_ratio};
  int64_t parameters = 0;
  for (const auto& parameter : encoder.model->parameters()) parameters += parameter.numel();
  std::vector<std::pair<std::string, std::string>> rows{
      {"model", encoder.file.string()}, {"pooling", encoder.pooling}, {"parameters", std::to_string(parameters)},
      {"input", fmt::format("{0} x {0} px", vit.img_size)}, {"images", std::to_string(table.size())},
      {"work", fmt::format("{:.1f} GFLOP an image", vit_flops(size, vit.patch_size, vit.in_chans) / 1e9)},
      {"features.npy", fmt::format("{} x {}, {:.1f} MB", table.size(), vit.embed_dim, 4e-6 * static_cast<double>(table.size() * vit.embed_dim))}};
  if (probed) rows.emplace_back("leaks", leak_text(leaks));
  if (config.knn > 0) rows.emplace_back("probe", fmt::format("k nearest neighbors, k {}", config.knn));
  if (config.linear_probe) rows.emplace_back("probe", "linear");
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<24}{}\n", name, value);
  return text;
}

std::string features_csv(const ImageTable& table, const fs::path& folder) {
  std::string text = csv_line({"path", "label", "patient", "split"});
  for (const ImageRow& row : table.rows) text += csv_line({manifest_path(row.path, folder), row.label_name, row.patient_known ? row.patient : "", row.split});
  return text;
}

void write_embed_report(const RunDir& run, const EmbedConfig& config, const Encoder& encoder, const ImageTable& table, const torch::Tensor& features,
                        const std::vector<Probe>& probes, const LeakCheck& leaks) {
  Report report(fmt::format("Features of {} images", table.size()),
                fmt::format("{}: {}; {} numbers an image; {}; defound {}", encoder.file.string(), encoder.pooling, features.size(1),
                            fmt::join(config.data.data, ", "), version_text()));
  if (!probes.empty()) warn_of_leaks(report, leaks);
  add_feature_plane(report, table, features);
  add_probes(report, probes);
  report.write(run / "report.html");
}

void write_metrics(const RunDir& run, const EmbedConfig& config, const Encoder& encoder, const std::vector<Probe>& probes, const LeakCheck& leaks) {
  const Json metrics = {{"model", encoder.file.string()}, {"model_sha256", sha256_file(encoder.file)}, {"pooling", encoder.pooling}, {"data", config.data.data},
                        {"version", version_text()}, {"leaks", leaks_json(leaks)}, {"probes", probes_json(probes)}};
  write_atomic(run / "metrics.json", metrics.dump(2) + "\n");
  for (const Probe& probe : probes) write_atomic(run / (probe.name + "_predictions.csv"), predictions_csv(probe.images));
}

}  // namespace

ExitCode embed(EmbedConfig& config, const std::string& command, std::ostream& out) {
  if (config.model.empty()) reject("--model is missing: the encoder");
  const torch::Device device = apply_execution(config.execution);
  const Encoder encoder = load_encoder({config.model, config.arch, config.pool, config.input_size});
  const ImageTable table = load_table(config.data);
  const bool probed = config.knn > 0 || config.linear_probe;
  LeakCheck leaks;
  if (probed) {
    probe_rows(config, table);
    leaks = check_leaks(encoder.file, rows_of_split(table, "test"), config.allow_leak, config.execution.threads);
  }
  if (config.execution.dry_run) return out << plan_text(config, encoder, table, leaks, probed), ExitCode::kDone;
  const RunDir run = RunDir::open(config.run.output, parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  TrainingData data{table, {}};
  prepare_run(data, run, config.data, config.execution, {config.model});
  const ImageTable& images = data.train;

  encoder.model->to(device, parse_precision(config.execution.precision));
  pack_weights(*encoder.model);
  const ImageDataset dataset(images, *encoder.transform, /*cache_bytes=*/0);
  const torch::Tensor features = embed_images(*encoder.model, dataset, config.batch_size, device, config.execution.num_workers);   // [N, D]
  save_npy(run / "features.npy", features);
  write_atomic(run / "features.csv", features_csv(images, run.path()));
  std::vector<Probe> probes;
  if (probed) {
    probes = run_probes(config, images, probe_rows(config, images), features);
    write_metrics(run, config, encoder, probes, leaks);
  }
  write_embed_report(run, config, encoder, images, features, probes, leaks);
  run.finish();
  out << fmt::format("{} images, {} features each: {}\n", features.size(0), features.size(1), (run / "features.npy").string());
  if (probed) out << "\n" << probes_text(probes) << "\n";
  out << (run / "report.html").string() << "\n";
  return ExitCode::kDone;
}

}  // namespace defound
