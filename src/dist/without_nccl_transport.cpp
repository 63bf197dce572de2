#include "transport.h"

namespace defound {

bool has_nccl() { return false; }

c10::intrusive_ptr<c10d::Backend> make_nccl(const Launch&, torch::Device, const c10::intrusive_ptr<c10d::Store>&, std::chrono::milliseconds) { return {}; }

}  // namespace defound
