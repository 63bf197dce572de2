#pragma once
#include <string>

#include "audit_copies.h"
#include "audit_labels.h"

namespace defound {

/// Where --write_filtered writes: manifest-filtered.csv beside the one manifest (or in the folder) of --data. Rejects
/// (exit 2) several --data, and a file that is there already unless `may_exist` (a run that is continued).
fs::path filtered_manifest(const AuditConfig& config, bool may_exist);

/// The synthetic images without copies, near-duplicates of earlier ones and, with `labels`, those not confirmed.
ImageTable filter_synthetic(const AuditSets& sets, const CopyAudit& copies, const LabelAudit* labels);

/// Writes it as a manifest; fails (exit 1) rather than replace a file that holds something else.
void write_filtered_manifest(const fs::path& path, const ImageTable& table);

}  // namespace defound
