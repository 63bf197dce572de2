#include "transport.h"

#include "defound/dist/group.h"

namespace defound {

c10::intrusive_ptr<c10d::Backend> make_transport(const Launch& launch, torch::Device device, const c10::intrusive_ptr<c10d::Store>& store,
                                                 std::chrono::milliseconds timeout) {
  return device.is_cuda() ? make_nccl(launch, device, store, timeout) : make_gloo(launch, store, timeout);
}

std::string transports() {
  if (has_gloo() && has_nccl()) return "gloo, nccl";
  return has_gloo() ? "gloo" : has_nccl() ? "nccl" : "none";
}

}  // namespace defound
