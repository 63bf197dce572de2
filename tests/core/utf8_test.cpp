#include "defound/core/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace defound {
namespace {

TEST(Utf8, TakesEveryLengthAndRefusesWhatIsNone) {
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
  EXPECT_TRUE(is_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x91\x81"));
  for (const char* text : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF"}) EXPECT_FALSE(is_utf8(text));
}

}  // namespace
}  // namespace defound
