#pragma once
#include <torch/torch.h>

#include <string>

#include "defound/config/families.h"

namespace defound {

/// "auto" (a GPU when there is one; of several processes on a machine each takes its own), "cpu", "cuda", "cuda:N"; rejects (exit 2) what this build or machine lacks.
torch::Device parse_device(const std::string& text);
/// "fp32", "bf16", "fp16", "fp64".
torch::Dtype parse_precision(const std::string& text);
/// Sets log level and threads, checks device and precision; the device to compute on.
torch::Device apply_execution(const ExecutionOptions& options);

}  // namespace defound
