#include "defound/tasks/evaluate.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/publish_folder.h"
#include "defound/core/version.h"
#include "defound/data/check_images.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/models/vit.h"
#include "defound/tasks/classifier.h"
#include "defound/tasks/evaluation.h"
#include "defound/tasks/predict.h"
#include "defound/tensor/device.h"
#include "example_images.h"
#include "group_run.h"
#include "leak_check.h"

namespace defound {
namespace {

std::string compared_file(const std::string& file_or_folder) {
  const fs::path path(file_or_folder);
  return (fs::is_directory(path) ? path / "predictions.csv" : path).string();
}

void check_output(const EvaluateConfig& config) {
  if (config.model.empty()) reject("--model is missing: the classifier to evaluate");
  if (config.output.empty()) reject("--output is missing: the folder for the report");
  if (fs::exists(config.output) && (!fs::is_directory(config.output) || !fs::is_empty(config.output)))
    reject("{} is in use; give --output a new or empty folder", config.output);
  if (!config.compare.empty() && !fs::exists(compared_file(config.compare))) reject("--compare: there is no {}", compared_file(config.compare));
}

/// The rows to evaluate on: those of --split, else of split test, else (no row has a split) all.
ImageTable load_test_rows(const EvaluateConfig& config, const std::vector<std::string>& classes) {
  const ImageTable table = load_table(config.data, {.classes = classes, .labels_required = true});
  return config.data.split.empty() && has_splits(table) ? rows_of_split(table, "test") : table;
}

/// What is known of each image beside its pixels; predictions are still to come.
EvaluatedImages describe_rows(const ImageTable& table, const std::vector<std::string>& wanted) {
  EvaluatedImages images{table.classes, {}, {}, {}, {}};
  std::vector<std::string> columns = table.extra_columns;
  columns.push_back("source");
  for (const auto& name : wanted)
    if (std::find(columns.begin(), columns.end(), name) == columns.end())
      reject("--subgroups: the data has no column '{}'; there are {}", name, fmt::join(columns, ", "));
  const auto asked_for = [&](const std::string& name) {
    if (wanted.empty()) return !name.starts_with("label.") && name != "target";
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  for (size_t c = 0; c < columns.size(); ++c) {
    if (!asked_for(columns[c])) continue;
    std::vector<std::string> values;
    for (const ImageRow& row : table.rows) values.push_back(c < row.extra.size() ? row.extra[c] : c < table.extra_columns.size() ? "" : row.source);
    images.columns.emplace_back(columns[c], std::move(values));
  }
  for (const ImageRow& row : table.rows) {
    images.paths.push_back(row.path.string());
    images.patients.push_back(row.patient_known ? row.patient : "");
  }
  return images;
}

void write_report(const fs::path& file, const EvaluateConfig& config, const Classifier& classifier, const EvaluatedImages& images,
                  const Scores& scores, const std::vector<ComparedMetric>& compared, const LeakCheck& leaks, int64_t unreadable) {
  Report report(fmt::format("Evaluation: {} classes, {} images", images.classes.size(), images.predictions.size()),
                fmt::format("{} on {}, {} images of {} patients{}, defound {}", classifier.file.string(), fmt::join(config.data.data, ", "),
                            images.predictions.size(), images.patient_count(), config.tta == "none" ? "" : fmt::format(", {} views of each", test_views(config.tta).size()),
                            version_text()));
  warn_of_leaks(report, leaks);
  if (unreadable > 0) report.warning(fmt::format("{} of {} images cannot be read and are left out; bad_files.csv lists them.", unreadable, unreadable + images.predictions.size()));
  add_scores(report, images, scores);
  if (!compared.empty()) add_comparison(report, config.compare, compared);
  add_example_images(report, images);
  report.write(file);
}

std::string plan_text(const EvaluateConfig& config, const Classifier& classifier, const ImageTable& table, const LeakCheck& leaks) {
  int64_t parameters = 0;
  for (const auto& parameter : classifier.model->parameters()) parameters += parameter.numel();
  std::string text = fmt::format("{:<24}{}\n{:<24}{}\n{:<24}{}\n", "model", classifier.file.string(), "parameters", parameters, "images", table.size());
  const auto counts = class_counts(table);
  for (size_t c = 0; c < counts.size(); ++c) text += fmt::format("{:<24}{}\n", "  " + classifier.classes[c], counts[c]);
  return text + fmt::format("{:<24}{}\n{:<24}{}\n{:<24}{}\n", "views of an image", test_views(config.tta).size(), "bootstrap resamples", config.resamples, "leaks",
                            leak_text(leaks));
}

Predictions predict_rows(Group& group, const EvaluateConfig& config, const Classifier& classifier, const ImageTable& rows, torch::Device device) {
  const std::vector<View> views = test_views(config.tta);
  const ImageDataset looks(rows, *classifier.transform, /*cache_bytes=*/0, views);
  return mean_over_views(predict_together(group, *classifier.model, looks, config.batch_size, device, config.execution.num_workers), static_cast<int64_t>(views.size()));
}

void predict_for_the_leader(Group& group, const EvaluateConfig& config, const Classifier& classifier, ImageTable table, torch::Device device) {
  keep_rows(table, group.share(""));
  predict_rows(group, config, classifier, table, device);
}

/// The leader's work; returns the table to print.
std::string evaluate_together(Group& group, const EvaluateConfig& config, const Classifier& classifier, const ImageTable& table, const LeakCheck& leaks,
                              torch::Device device) {
  std::string summary;
  make_folder(fs::absolute(config.output).parent_path());
  publish_folder(config.output, [&](const fs::path& folder) {
    const ImageTable readable = without_bad_images(table, config.data.bad_images, config.execution.threads, folder / "bad_files.csv");
    group.share(kept_rows(table, readable));
    EvaluatedImages images = describe_rows(readable, config.subgroups);
    images.predictions = predict_rows(group, config, classifier, readable, device);
    const BootstrapOptions bootstrap{config.resamples, config.confidence_level, config.stratified, config.execution.threads};
    const Scores scores = score(images, bootstrap, static_cast<uint64_t>(config.seed));
    std::vector<ComparedMetric> compared;
    if (!config.compare.empty()) compared = compare_predictions(images, compared_file(config.compare), bootstrap, static_cast<uint64_t>(config.seed));
    Json metrics = {{"model", classifier.file.string()}, {"model_sha256", sha256_file(classifier.file)}, {"data", config.data.data},
                    {"version", version_text()}, {"tta", config.tta}, {"leaks", leaks_json(leaks)}, {"unreadable", table.size() - readable.size()}};
    metrics.update(scores_json(images, scores));
    if (!compared.empty()) metrics["compared"] = comparison_json(compared);
    write_atomic(folder / "metrics.json", metrics.dump(2) + "\n");
    write_atomic(folder / "predictions.csv", predictions_csv(images));
    write_report(folder / "report.html", config, classifier, images, scores, compared, leaks, table.size() - readable.size());
    summary = fmt::format("{} images of {} patients, {} classes\n", images.predictions.size(), images.patient_count(), images.classes.size()) + scores_text(scores);
  });
  return summary + (fs::path(config.output) / "report.html").string() + "\n";
}

}  // namespace

std::string evaluate(EvaluateConfig& config) {
  check_output(config);
  const torch::Device device = apply_execution(config.execution);
  const Classifier classifier = load_classifier(config.model);
  const ImageTable table = load_test_rows(config, classifier.classes);
  describe_rows(table, config.subgroups);   // rejects unknown columns before anything is done
  const LeakCheck leaks = check_leaks(classifier.file, table, config.allow_leak, config.execution.threads);
  if (config.execution.dry_run) return plan_text(config, classifier, table, leaks);
  classifier.model->to(device, parse_precision(config.execution.precision));
  pack_weights(*classifier.model);

  std::string summary;
  run_together(device, config.group.timeout_seconds, [&](Group& group) {
    if (group.is_leader()) summary = evaluate_together(group, config, classifier, table, leaks, device);
    else predict_for_the_leader(group, config, classifier, table, device);
    return ExitCode::kDone;
  });
  return summary;
}

}  // namespace defound
