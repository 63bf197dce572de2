#include "defound/tasks/gpu_hours.h"

#include <fmt/format.h>

#include <array>

namespace defound {
namespace {

struct GpuKind {
  const char* name;
  double peak_flops;  // dense, bf16 or fp16 with fp32 sums
};

constexpr std::array kGpuKinds = {GpuKind{"V100 (fp16)", 125e12},  GpuKind{"RTX 3090", 71e12},     GpuKind{"RTX 4090", 165e12},
                                  GpuKind{"L40S", 362e12},         GpuKind{"A100", 312e12},        GpuKind{"H100, H200 (SXM)", 989e12}};

}  // namespace

std::string describe_gpu_hours(double flops, double share) {
  std::string text = fmt::format("hours of one GPU at {:.0f} % of its half-precision peak (assumed; time yours with defound-bench)\n", share * 100);
  for (const GpuKind& kind : kGpuKinds) text += fmt::format("  {:<22}{:.4g} h\n", kind.name, flops / (kind.peak_flops * share) / 3600);
  return text;
}

}  // namespace defound
