#pragma once
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

#include "defound/core/launch.h"

namespace defound {

/// What carries tensors between processes: NCCL for CUDA, Gloo for the CPU. nullptr where this build lacks it.
c10::intrusive_ptr<c10d::Backend> make_transport(const Launch& launch, torch::Device device, const c10::intrusive_ptr<c10d::Store>& store,
                                                 std::chrono::milliseconds timeout);

/// The parts, each in a file of its own that a build may lack. nullptr: not in this build.
c10::intrusive_ptr<c10d::Backend> make_gloo(const Launch& launch, const c10::intrusive_ptr<c10d::Store>& store, std::chrono::milliseconds timeout);
c10::intrusive_ptr<c10d::Backend> make_nccl(const Launch& launch, torch::Device device, const c10::intrusive_ptr<c10d::Store>& store,
                                            std::chrono::milliseconds timeout);
bool has_gloo();
bool has_nccl();

}  // namespace defound
