#pragma once
#include <gtest/gtest.h>

#include <unistd.h>

namespace defound::testing {

/// Takes the superuser's rights away while it lives, so that permissions are the same for everybody who runs the tests.
class OrdinaryUser {
 public:
  OrdinaryUser() : superuser_(geteuid() == 0) {
    if (superuser_ && seteuid(65534) != 0) ADD_FAILURE() << "cannot become an ordinary user";
  }
  ~OrdinaryUser() {
    if (superuser_ && seteuid(0) != 0) ADD_FAILURE() << "cannot become the superuser again";
  }

 private:
  bool superuser_;
};

}  // namespace defound::testing
