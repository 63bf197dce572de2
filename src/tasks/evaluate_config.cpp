#include "defound/tasks/evaluate.h"

namespace defound {

void EvaluateConfig::visit(Visitor& v) {
  v.group("Evaluation");
  v(field("model", "classifier: best.safetensors of a fine-tuning, or its run folder"), model);
  v(field("output", "folder for predictions.csv, metrics.json and report.html; must be new or empty"), output);
  v(field("compare", "another model's evaluation of the same images (its folder or predictions.csv): differences with intervals and p"), compare);
  v(field("tta", "test-time augmentation, probabilities averaged over views of an image: none, flip (its mirror image too) or crops (also nine crops of "
          "80 % of each side: 20 times the work)").one_of({"none", "flip", "crops"}), tta);
  v(field("subgroups", "manifest columns to compare groups by (sex, age, site); empty: all further columns"), subgroups);
  v(field("allow_leak", "evaluate although test patients or images went into the model; the report says so"), allow_leak);
  v(field("batch_size", "images per forward pass").range(1, 65536), batch_size);
  v(field("resamples", "bootstrap resamples of the patients, for the intervals").range(1, 1e6), resamples);
  v(field("confidence_level", "coverage of the intervals").range(0.5, 0.9999), confidence_level);
  v(field("stratified", "keep the number of patients of each class in every resample"), stratified);
  v(field("seed", "of the bootstrap").range(0, 9.0e18), seed);
  data.visit(v);
  execution.visit(v);
  group.visit(v);
}

}  // namespace defound
