#pragma once
#include <string>
#include <vector>

#include "audit_data.h"
#include "defound/eval/generative/fidelity.h"
#include "defound/run/report.h"

namespace defound {

/// How near some synthetic images are to real training images.
struct FidelityGroup {
  std::string name;   ///< "all", a class, or "real split test" (against the training images: what is within reach)
  int64_t synthetic = 0, real = 0;   ///< images
  std::vector<FidelityMetric> metrics;
};

/// All images, each class, and where there is one the real split test in place of the synthetic images.
std::vector<FidelityGroup> audit_fidelity(const AuditSets& sets, const AuditConfig& config);

Json fidelity_json(const std::vector<FidelityGroup>& groups, const std::vector<std::string>& classes);
void add_fidelity(Report& report, const std::vector<FidelityGroup>& groups, const AuditConfig& config);

}  // namespace defound
