#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "defound/core/error.h"

namespace defound::testing {

/// The message of the Error with exit code 2 that `body` throws; a failure and "" when it throws none.
inline std::string rejection_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was rejected";
  return "";
}

}  // namespace defound::testing
