#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "defound/core/error.h"

namespace defound::testing {

/// Expects an Error with this exit code whose message holds `part`.
inline void expect_error(ExitCode code, const std::string& part, const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "no error; expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

}  // namespace defound::testing
