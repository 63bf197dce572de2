#include "head_rows.h"

#include <algorithm>
#include <cstring>

namespace defound {

using attention::Pair;

void HeadRows::pack(int64_t head, Pair* to) const {
  const auto all = from(head, 0, length);
  for (int64_t i = 0; i < length + length % 2; ++i, to += size / 2) std::memcpy(to, all[std::min(i, length - 1)], static_cast<size_t>(size) * sizeof(attention::Bf16));
}

void HeadRows::unpack(int64_t head, int64_t lanes, const Pair* packed) const {
  const auto all = from<attention::Bf16>(head, 0, length);
  for (int64_t i = 0; i < length; ++i, packed += lanes / 2) std::memcpy(all[i], packed, static_cast<size_t>(size) * sizeof(attention::Bf16));
}

}  // namespace defound
