#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "defound/core/error.h"

namespace defound::testing {

/// Runs `read` on the fuzzer's bytes. A named rejection is a right answer; any other exception, a crash or a report of the sanitizers is a find.
template <class Read>
int accept_or_reject(const uint8_t* data, size_t size, Read&& read) {
  try {
    read(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const Error& error) {
    if (error.code() != ExitCode::kUsage) throw;
  }
  return 0;
}

}  // namespace defound::testing
