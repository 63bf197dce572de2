#include "defound/tasks/audit.h"

namespace defound {

void AuditConfig::visit(Visitor& v) {
  v.group("Audit");
  v(field("reference",
          "the real images: manifest or folder, repeatable; compared are those of split train, where there are splits"),
    reference);
  v(field("write_filtered", "write manifest-filtered.csv beside the images of --data: without copies and near-duplicates"),
    write_filtered);
  v(field("filter_labels", "with --write_filtered: also without images whose label the classifier does not confirm"),
    filter_labels);
  v.group("Features, for fidelity and coverage");
  v(field("encoder", "encoder: a file of defound, MAE, timm or RETFound (.safetensors or .pth), or a run folder"), encoder);
  v(field("arch", "its architecture, where neither the file nor its shapes tell: vit_large_patch16, ..."), arch);
  v(field("pool", "mean: mean of the patch tokens before norm, then fc_norm, as RETFound; cls: the class token after norm")
        .one_of({"cls", "mean"}),
    pool);
  v(field("input_size", "side of its square input in pixels; 0: the file's own").range(0, 4096), input_size);
  v(field("features_data", "instead of --encoder: .npy with a row for each image of --data, in their order"), features_data);
  v(field("features_reference", "and one with a row for each image of --reference, of all splits"), features_reference);
  v(field("nearest", "k of precision, recall, density and coverage").range(1, 1000), nearest);
  v(field("subset_size", "images in each subset of the kernel distance").range(2, 1e5), subset_size);
  v(field("subsets", "number of these subsets").range(1, 1e5), subsets);
  v(field("resamples", "bootstrap resamples, for the intervals").range(1, 1e6), resamples);
  v(field("confidence_level", "coverage of the intervals").range(0.5, 0.9999), confidence_level);
  v.group("Labels");
  v(field("classifier", "best.safetensors of a fine-tuning on real images, or its run folder: does it confirm the labels?"),
    classifier);
  v(field("linear_probe",
          "AUROC on the real split test of logistic regressions on the features, trained on synthetic and on real images"),
    linear_probe);
  v(field("probe_strength", "their C, inverse of the L2 penalty; 0: the best of 1e-5 to 100 by AUROC on the real split val")
        .range(0, 1e9),
    probe_strength);
  v.group("Copies");
  v(field("false_alarms", "share of real images that may count as a copy of another patient's: sets the threshold")
        .range(1e-6, 0.5),
    false_alarms);
  v(field("calibration_images", "at most so many real images set the threshold and measure the false alarms").range(4, 1e9),
    calibration_images);
  v(field("candidates", "real images that a synthetic one is aligned with").range(1, 1000), candidates);
  v(field("batch_size", "images per forward pass").range(1, 65536).may_change(), batch_size);
  data.visit(v);
  run.visit(v);
  execution.visit(v);
}

}  // namespace defound
