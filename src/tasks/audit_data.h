#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/data/image_table.h"
#include "defound/run/run_dir.h"
#include "defound/tasks/audit.h"
#include "defound/tasks/encoder.h"

namespace defound {

/// What is audited, and what it is compared with.
struct AuditSets {
  ImageTable synthetic, reference;                        ///< the latter of all splits; both with its classes
  torch::Tensor synthetic_features, reference_features;   ///< [M, D] and [N, D] fp32; undefined without features
  bool labelled = false;                                  ///< synthetic images have labels
  bool has_features() const { return synthetic_features.defined(); }
};

/// Loads and checks tables and .npy features; rejects (exit 2) what audit() says.
AuditSets load_audit_sets(const AuditConfig& config);

/// Leaves unreadable images out (bad_files.csv, bad_files_reference.csv in the run folder), with their features.
void leave_out_bad_images(AuditSets& sets, const AuditConfig& config, const RunDir& run);

/// Features of both sets by the encoder.
void embed_audit_sets(AuditSets& sets, const Encoder& encoder, const AuditConfig& config, const torch::Device& device);

/// Rows of the reference that synthetic images are compared with: split train, or all where no row has a split.
std::vector<int64_t> training_row_numbers(const ImageTable& reference);

/// Gives the rows the index of their label among `classes`; rejects a label outside, saying that `owner` lacks it.
void adopt_classes(ImageTable& table, const std::vector<std::string>& classes, const std::string& owner);

/// A number for each patient, the same for all images of one: names count within their data set.
std::vector<int64_t> patient_numbers(const ImageTable& table);

}  // namespace defound
