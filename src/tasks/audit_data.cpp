#include "audit_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "defound/core/error.h"
#include "defound/data/check_images.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/models/vit.h"
#include "defound/tensor/device.h"
#include "defound/tensor/npy.h"

namespace defound {
namespace {

constexpr size_t kLeastPatients = 4;   // two in each half

torch::Tensor load_features(const std::string& path, const char* flag, const ImageTable& table, const char* images) {
  const torch::Tensor features = load_npy(path);
  if (features.dim() != 2 || features.size(0) != table.size())
    reject("{} {}: expected [{}, D], a row for each image of {} in their order; found {}", flag, path, table.size(), images,
           fmt::format("[{}]", fmt::join(features.sizes().vec(), ", ")));
  if (features.is_complex() || features.size(1) < 1) reject("{} {}: expected real numbers, at least one an image", flag, path);
  const torch::Tensor values = features.to(torch::kFloat), finite = torch::isfinite(values).all(1);
  if (!finite.all().item<bool>())
    reject("{} {}: row {} (from 0) has a number that is not finite", flag, path,
           finite.logical_not().nonzero()[0].item<int64_t>());
  return values;
}

void check_options(const AuditConfig& config) {
  const bool files = !config.features_data.empty() || !config.features_reference.empty();
  if (config.reference.empty()) reject("--reference is missing: the real images that the synthetic ones are compared with");
  if (files && (config.features_data.empty() || config.features_reference.empty()))
    reject("--features_data and --features_reference go together; one is missing");
  if (files && !config.encoder.empty())
    reject("--encoder and --features_data: give one of them, features come from an encoder or from files");
  if (config.linear_probe && !files && config.encoder.empty())
    reject("--linear_probe needs features: --encoder, or --features_data and --features_reference");
  if (config.filter_labels && config.classifier.empty()) reject("--filter_labels needs --classifier");
  if (config.filter_labels && !config.write_filtered) reject("--filter_labels needs --write_filtered");
}

void check_classes(const AuditSets& sets) {
  const std::string hint = "; add some, or leave the class out with --labels";
  const auto made = class_counts(sets.synthetic), real = class_counts(training_rows(sets.reference));
  for (size_t c = 0; c < sets.reference.classes.size(); ++c) {
    if (made[c] == 0) reject("class '{}' has no image in --data{}", sets.reference.classes[c], hint);
    if (real[c] == 0)
      reject("class '{}' has no image among the training images of --reference{}", sets.reference.classes[c], hint);
  }
}

/// The features of the rows that are still in the table.
torch::Tensor features_of_kept(const torch::Tensor& features, const ImageTable& before, const ImageTable& after) {
  if (!features.defined() || before.size() == after.size()) return features;
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < before.size() && kept.size() < after.rows.size(); ++row)
    if (before.rows[static_cast<size_t>(row)].origin == after.rows[kept.size()].origin) kept.push_back(row);
  return features.index_select(0, torch::tensor(kept));
}

}  // namespace

std::vector<int64_t> training_row_numbers(const ImageTable& reference) {
  const bool split = has_splits(reference);
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < reference.size(); ++row)
    if (!split || reference.rows[static_cast<size_t>(row)].split == "train") rows.push_back(row);
  return rows;
}

void adopt_classes(ImageTable& table, const std::vector<std::string>& classes, const std::string& owner) {
  for (ImageRow& row : table.rows) {
    const auto at = std::find(classes.begin(), classes.end(), row.label_name);
    if (!row.label_name.empty() && at == classes.end())
      reject("{}: {} has no class '{}'; there are: {}", row.origin, owner, row.label_name, fmt::join(classes, ", "));
    row.label = at == classes.end() ? -1 : at - classes.begin();
  }
  table.classes = classes;
}

std::vector<int64_t> patient_numbers(const ImageTable& table) {
  const auto datasets = datasets_of(table);
  std::map<std::pair<std::string, std::string>, int64_t> known;
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < table.rows.size(); ++i)
    numbers.push_back(known.emplace(std::pair(datasets[i], table.rows[i].patient), known.size()).first->second);
  return numbers;
}

AuditSets load_audit_sets(const AuditConfig& config) {
  check_options(config);
  AuditSets sets;
  DataOptions real = config.data;
  real.data = config.reference, real.split = "";
  sets.reference = load_table(real);
  training_rows(sets.reference);   // rejects splits without train
  sets.synthetic = load_table(config.data);
  adopt_classes(sets.synthetic, sets.reference.classes, "--reference");
  sets.labelled = std::any_of(sets.synthetic.rows.begin(), sets.synthetic.rows.end(),
                              [](const ImageRow& row) { return row.label >= 0; });
  if (sets.labelled) check_classes(sets);
  const auto patients = patient_numbers(sets.reference);
  if (const size_t count = std::set<int64_t>(patients.begin(), patients.end()).size(); count < kLeastPatients)
    reject(
        "--reference has images of {} patient{}; the threshold for copies is set on images of different patients, at least {} "
        "of them",
        count, count == 1 ? "" : "s", kLeastPatients);
  if (!config.features_data.empty()) {
    sets.synthetic_features = load_features(config.features_data, "--features_data", sets.synthetic, "--data");
    sets.reference_features = load_features(config.features_reference, "--features_reference", sets.reference, "--reference");
    if (sets.synthetic_features.size(1) != sets.reference_features.size(1))
      reject("--features_data has {} numbers an image, --features_reference {}; both must come from one encoder",
             sets.synthetic_features.size(1), sets.reference_features.size(1));
  }
  return sets;
}

void leave_out_bad_images(AuditSets& sets, const AuditConfig& config, const RunDir& run) {
  const auto clean = [&](ImageTable& table, torch::Tensor& features, const char* list) {
    const ImageTable readable = without_bad_images(table, config.data.bad_images, config.execution.threads, run / list);
    features = features_of_kept(features, table, readable);
    table = readable;
  };
  clean(sets.synthetic, sets.synthetic_features, "bad_files.csv");
  clean(sets.reference, sets.reference_features, "bad_files_reference.csv");
}

void embed_audit_sets(AuditSets& sets, const Encoder& encoder, const AuditConfig& config, const torch::Device& device) {
  encoder.model->to(device, parse_precision(config.execution.precision));
  pack_weights(*encoder.model);
  const auto embed = [&](const ImageTable& table) {
    return embed_images(*encoder.model, ImageDataset(table, *encoder.transform, /*cache_bytes=*/0), config.batch_size, device,
                        config.execution.num_workers);
  };
  sets.synthetic_features = embed(sets.synthetic);
  sets.reference_features = embed(sets.reference);
}

}  // namespace defound
