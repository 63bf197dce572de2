#include "defound/data/tar_directory.h"

#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/data/shard.h"
#include "support/made_shards.h"
#include "support/rejection.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::rejection_of;
using testing::TempFolder;

const fs::path kShardGoldens = fs::path(DEFOUND_GOLDENS) / "shards";

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A header of the given fields with its right checksum, then the content in whole blocks.
std::string tar_entry(const std::string& name, char type, const std::string& content, const std::string& size_field = "") {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, name), put(124, size_field.empty() ? fmt::format("{:011o}", content.size()) : size_field),
      put(156, std::string(1, type));
  put(148, "        "), put(257, std::string("ustar\0" "00", 8));
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + '\0');
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

const std::string kEndMark(1024, '\0');

std::string fault_of(const std::string& bytes) {
  return rejection_of([&] { read_tar_directory(bytes, "a.tar"); });
}

TEST(TarDirectory, FindsWhatPythonsTarfileFinds) {
  const Json expected = parse_json(read_text(kShardGoldens / "members.json"), "members.json");
  ASSERT_EQ(expected.size(), 3u);
  for (const auto& [file, members] : expected.items()) {
    const std::string bytes = read_text(kShardGoldens / file);
    const auto found = read_tar_directory(bytes, file);
    ASSERT_EQ(found.size(), members.size()) << file;
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].name, members[i][0].get<std::string>()) << file;
      EXPECT_EQ(found[i].begin, members[i][1].get<uint64_t>()) << file;
      EXPECT_EQ(found[i].size, members[i][2].get<uint64_t>()) << file;
    }
  }
}

TEST(TarDirectory, AnArchiveCutAnywhereIsRejected) {
  for (const char* file : {"webdataset.tar", "gnu.tar"}) {
    const std::string bytes = read_text(kShardGoldens / file);
    const size_t end_mark = bytes.find_last_not_of('\0') / 512 * 512 + 512;
    for (size_t size = 0; size < end_mark; size += 512) {
      EXPECT_TRUE(says(fault_of(bytes.substr(0, size)), "cut off")) << file << " " << size;
      EXPECT_TRUE(says(fault_of(bytes.substr(0, size + 7)), "cut off")) << file << " " << size + 7;
    }
    EXPECT_NO_THROW(read_tar_directory(bytes.substr(0, end_mark + 512), file));
  }
}

TEST(TarDirectory, DamagedHeadersAreRejectedByTheirPlace) {
  const std::string good = tar_entry("a.png", '0', "abc") + tar_entry("b.png", '0', "de") + kEndMark;
  EXPECT_EQ(read_tar_directory(good, "a.tar").size(), 2u);
  for (size_t at : {0u, 100u, 124u, 148u, 156u, 257u, 400u}) {
    std::string bad = good;
    bad[1024 + at] = static_cast<char>(bad[1024 + at] ^ 0x15);
    EXPECT_TRUE(says(fault_of(bad), "a.tar: the checksum") && says(fault_of(bad), "byte 1024")) << fault_of(bad);
  }
  EXPECT_TRUE(says(fault_of(std::string("\x1F\x8B", 2) + std::string(2000, 'x')), "checksum"));   // gzip
  EXPECT_TRUE(says(fault_of(tar_entry("a.png", '0', "abc", "00000777777") + kEndMark), "claims 262143 bytes"));
  EXPECT_TRUE(
      says(fault_of(tar_entry("a.png", '0', "abc", std::string("\x80\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12)) + kEndMark),
           "claims"));
  EXPECT_TRUE(says(fault_of(tar_entry("a.png", '0', "abc", std::string(12, '\xFF')) + kEndMark), "is no number"));
  EXPECT_TRUE(
      says(fault_of(tar_entry("a.png", '0', "abc", std::string("\x80") + std::string(11, '\xFF')) + kEndMark), "too large"));
  EXPECT_TRUE(says(fault_of(tar_entry("a.png", '0', "abc", "0000000009 ") + kEndMark),
                   "the size in the header at byte 0 is no number"));
  EXPECT_TRUE(says(fault_of(good + tar_entry("c.png", '0', "") + kEndMark), "data follow the end mark"));
}

TEST(TarDirectory, NamesThatLeadOutAndOtherKindsAreRejected) {
  for (const std::string name : {"/etc/passwd", "../a.png", "a/../../b.png", "a//b.png", "a/./b.png", "", "a\xFF.png"})
    EXPECT_FALSE(fault_of(tar_entry(name, '0', "x") + kEndMark).empty()) << name;
  EXPECT_TRUE(says(fault_of(tar_entry("a/../b.png", '0', "x") + kEndMark), "leads out of its folder"));
  for (const char type : {'S', 'D', 'V', 'M', '9'})
    EXPECT_TRUE(says(fault_of(tar_entry("a.png", type, "x") + kEndMark), "plain files")) << type;
  EXPECT_TRUE(says(fault_of(tar_entry("a.png", '1', "content of a link") + kEndMark), "of kind '1'"));
  const auto members =
      read_tar_directory(tar_entry("d/", '5', "") + tar_entry("l", '2', "") + tar_entry("./a.png", '\0', "x") + kEndMark,
                         "a.tar");
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].name, "a.png");
  EXPECT_EQ(members[0].begin, 1536u);
}

TEST(TarDirectory, ExtendedHeadersAreCheckedAndCountForOneMember) {
  const auto pax = [](const std::string& records) {
    return tar_entry("x", 'x', records) + tar_entry("short.png", '0', "abc") + tar_entry("next.png", '0', "") + kEndMark;
  };
  const auto members = read_tar_directory(pax("17 path=long.png\n10 size=2\n"), "a.tar");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].name, "long.png");
  EXPECT_EQ(members[0].size, 2u);
  EXPECT_EQ(members[1].name, "next.png");
  for (const char* bad :
       {"17 path=long.png", "99 path=long.png\n", "path=long.png\n", "4 a\n", "12 path:a.b\n", "99999999999999999999 a=b\n"})
    EXPECT_TRUE(says(fault_of(pax(bad)), "extended header")) << bad;
  EXPECT_TRUE(says(fault_of(pax("9 size=x\n")), "no number"));
  EXPECT_TRUE(says(fault_of(pax("19 size=4000000000\n")), "claims 4000000000 bytes"));
  EXPECT_TRUE(says(fault_of(pax("22 GNU.sparse.major=1\n")), "sparse"));
  EXPECT_TRUE(says(fault_of(pax("16 path=../a.pn\n")), "leads out"));
}

TEST(Shard, MembersAreFoundByNameAndTwoOfOneNameAreRejected) {
  const TempFolder folder;
  const fs::path path = testing::write_shard(folder / "shard-000000.tar", {{"b.png", "two"}, {"a.png", "one"}, {"c.png", ""}});
  const auto shard = Shard::open(path);
  EXPECT_EQ(shard->content("a.png"), "one");
  EXPECT_EQ(shard->content("b.png"), "two");
  EXPECT_EQ(shard->content("c.png"), "");
  EXPECT_EQ(shard->members()[0].name, "b.png");
  EXPECT_TRUE(says(rejection_of([&] { shard->content("d.png"); }), "shard-000000.tar holds no member named d.png"));
  folder.write("twice.tar", tar_entry("a.png", '0', "x") + tar_entry("./a.png", '0', "y") + kEndMark);
  EXPECT_TRUE(says(rejection_of([&] { Shard::open(folder / "twice.tar"); }), "two members named a.png"));
  EXPECT_TRUE(says(rejection_of([&] { Shard::open(folder / "none.tar"); }), "does not exist"));
  EXPECT_TRUE(says(rejection_of([&] { Shard::open(folder.write("empty.tar", "")); }), "cut off"));
}

TEST(Shard, AddressesAreTakenApartAndPutTogether) {
  const auto address = parse_shard_address("set/shard-000012.tar#a/000123.jpg");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->shard, "set/shard-000012.tar");
  EXPECT_EQ(address->member, "a/000123.jpg");
  EXPECT_EQ(shard_address(address->shard, address->member), "set/shard-000012.tar#a/000123.jpg");
  EXPECT_FALSE(parse_shard_address("set/a#b.jpg"));
  EXPECT_FALSE(parse_shard_address("set/shard.tar"));
}

}  // namespace
}  // namespace defound
