#pragma once
#include <gtest/gtest.h>

#include <unistd.h>

namespace defound::testing {

/// Takes the superuser's rights away while it lives, so that permissions are the same for everybody who runs the tests.
class OrdinaryUser {
 public:
  OrdinaryUser() : superuser_(geteuid() == 0) {
    if (superuser_) EXPECT_EQ(seteuid(65534), 0);
  }
  ~OrdinaryUser() {
    if (superuser_) EXPECT_EQ(seteuid(0), 0);
  }

 private:
  bool superuser_;
};

}  // namespace defound::testing
