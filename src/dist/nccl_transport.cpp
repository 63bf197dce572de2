// Compiled where NCCL's and CUDA's headers are found and LibTorch has CUDA; else without_nccl_transport.cpp.
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "transport.h"

namespace defound {

bool has_nccl() { return true; }

c10::intrusive_ptr<c10d::Backend> make_nccl(const Launch& launch, torch::Device device, const c10::intrusive_ptr<c10d::Store>& store,
                                            std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, static_cast<int>(launch.rank), static_cast<int>(launch.size), options);
  backend->setBoundDeviceId(device);
  return backend;
}

}  // namespace defound
