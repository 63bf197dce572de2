#include "defound/core/crc32.h"

#include <gtest/gtest.h>

#include <string>

namespace defound {
namespace {

TEST(Crc32, GivesThePublishedCheckValueInOnePieceAndInMany) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc32(digits), 0xCBF43926U);  // "check" of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms
  EXPECT_EQ(crc32(""), 0U);
  const std::string text = digits + digits + digits + digits;
  for (size_t cut = 0; cut <= text.size(); ++cut) EXPECT_EQ(crc32(text.substr(cut), crc32(text.substr(0, cut))), crc32(text)) << cut;
}

}  // namespace
}  // namespace defound
