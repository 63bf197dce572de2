#pragma once
#include <string>

namespace defound {

/// What work costs on kinds of GPU: a line each with the hours of one card at `share` of its dense half-precision peak (the
/// makers' data sheets). The share is an assumption, not a measurement; it stands in the heading.
/// flops: a multiply-add counts as 2.
std::string describe_gpu_hours(double flops, double share = 0.35);

}  // namespace defound
