#include "transport.h"

namespace defound {

bool has_gloo() { return false; }

c10::intrusive_ptr<c10d::Backend> make_gloo(const Launch&, const c10::intrusive_ptr<c10d::Store>&, std::chrono::milliseconds) { return {}; }

}  // namespace defound
