#pragma once
#include "defound/tensor/pickle.h"

namespace defound::testing {

/// Touches every value that is reached within `depth` steps, up to `most` of them.
inline void walk_pickle(const PickleValue& value, int depth, int& most, uint64_t& sum) {
  if (depth == 0 || most-- <= 0) return;
  switch (value.kind()) {
    case PickleKind::kBool: sum += value.as_bool(); break;
    case PickleKind::kInt: sum += static_cast<uint64_t>(value.as_int()); break;
    case PickleKind::kFloat: sum += value.as_float() > 0; break;
    case PickleKind::kText: case PickleKind::kBytes:
      for (const char letter : value.text()) sum += static_cast<unsigned char>(letter);
      break;
    case PickleKind::kDict:
      for (size_t i = 0; i < value.size() && most > 0; ++i) walk_pickle(value.pair(i).first, depth - 1, most, sum), walk_pickle(value.pair(i).second, depth - 1, most, sum);
      break;
    case PickleKind::kObject: sum += value.text().size(); [[fallthrough]];
    case PickleKind::kList: case PickleKind::kTuple:
      for (size_t i = 0; i < value.size() && most > 0; ++i) walk_pickle(value[i], depth - 1, most, sum);
      break;
    case PickleKind::kTensor: sum += value.tensor().storage_bytes + value.tensor().sizes.size(); break;
    case PickleKind::kArray:
      for (const char byte : value.array().bytes) sum += static_cast<unsigned char>(byte);
      break;
    case PickleKind::kNone: break;
  }
}

inline void walk_pickle(const Pickle& pickle) {
  int most = 10'000;
  uint64_t sum = 0;
  walk_pickle(pickle.root(), 30, most, sum);
  volatile uint64_t kept = sum;
  (void)kept;
}

}  // namespace defound::testing
