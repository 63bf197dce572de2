#include "defound/data/csv.h"

#include <gtest/gtest.h>

#include "support/rejection.h"

namespace defound {
namespace {

using testing::rejection_of;
using Fields = std::vector<std::string>;

TEST(Csv, QuotesLineBreaksAndByteOrderMark) {
  const auto records = parse_csv("\xEF\xBB\xBFpath,label\r\n\"a, b.png\",\"say \"\"x\"\"\"\r\n\r\n\"two\nlines\",\nlast,\xC3\xBC", "m.csv");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].fields, (Fields{"path", "label"}));
  EXPECT_EQ(records[1].fields, (Fields{"a, b.png", "say \"x\""}));
  EXPECT_EQ(records[2].fields, (Fields{"two\nlines", ""}));
  EXPECT_EQ(records[3].fields, (Fields{"last", "\xC3\xBC"}));
  EXPECT_EQ(records[2].line, 4);
  EXPECT_EQ(records[3].line, 6);
  EXPECT_TRUE(parse_csv("", "m.csv").empty());
}

TEST(Csv, WrittenRecordsReadBack) {
  const std::vector<Fields> all{{"plain", "with, comma", "with \"quotes\""}, {"", "line\r\nbreak", "\xE2\x82\xAC"}, {"a", "", ""}};
  std::string text;
  for (const Fields& fields : all) text += csv_line(fields);
  const auto records = parse_csv(text, "m.csv");
  ASSERT_EQ(records.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(records[i].fields, all[i]);
  EXPECT_EQ(parse_csv(csv_line({""}), "m.csv").size(), 1u);
}

TEST(Csv, FaultsNameFileAndLine) {
  const auto message = [](const std::string& text) { return rejection_of([&] { parse_csv(text, "m.csv"); }); };
  EXPECT_NE(message("a,b\nc\n").find("m.csv:2: 1 fields, but the header has 2"), std::string::npos);
  EXPECT_NE(message("a,b\nc,\"open\nmore\n").find("m.csv:2: a quote is opened"), std::string::npos);
  EXPECT_NE(message("a,b\n\"c\"d,e\n").find("m.csv:2: text after"), std::string::npos);
  EXPECT_NE(message("a,b\nc,\xFF\n").find("m.csv:2: bytes that are no UTF-8"), std::string::npos);
  EXPECT_NE(message(std::string("a,b\nc,\xC0\xAF\n")).find("no UTF-8"), std::string::npos);
  EXPECT_NE(message(std::string("a\0b\n", 4)).find("m.csv:1"), std::string::npos);
}

}  // namespace
}  // namespace defound
