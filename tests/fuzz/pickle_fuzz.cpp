// Pickles: bytes in, a tree of plain values out.
#include "fuzz.h"
#include "walk_pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    defound::testing::walk_pickle(defound::Pickle::parse(std::string(bytes), "fuzz"));
  });
}
