#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/data/image_table.h"
#include "defound/tasks/embed.h"
#include "defound/tasks/evaluation.h"

namespace defound {

/// The labelled rows of a table, by split.
struct ProbeRows {
  std::vector<int64_t> train, val, test;
};

/// Rejects (exit 2) a table on which the probes that the config asks for cannot be fitted or measured.
ProbeRows probe_rows(const EmbedConfig& config, const ImageTable& table);

/// A classifier on the features, measured on the test rows.
struct Probe {
  std::string name;          ///< knn or linear_probe
  std::string description;   ///< in words, with its settings
  Json settings;
  EvaluatedImages images;
  Scores scores;
};

std::vector<Probe> run_probes(const EmbedConfig& config, const ImageTable& table, const ProbeRows& rows, const torch::Tensor& features);

Json probes_json(const std::vector<Probe>& probes);
/// A table with a line a probe.
std::string probes_text(const std::vector<Probe>& probes);
void add_probes(Report& report, const std::vector<Probe>& probes);

}  // namespace defound
