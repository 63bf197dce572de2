#include "defound/data/shard_writer.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "support/made_shards.h"
#include "support/ordinary_user.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::TempFolder;

TEST(ShardWriter, WritesTheBytesOfPythonsTarfile) {
  const TempFolder folder;
  const std::string long_name = "folder/" + std::string(120, 'n') + ".png";
  const auto path = testing::write_shard(folder / "names.tar", {{"000000.png", "first"},
                                                                {"000000.json", "{}"},
                                                                {long_name, std::string(512, 'x')},
                                                                {"f\xC3\xBCnf/\xE4\xBA\x94.png", ""},
                                                                {"last.png", std::string(513, 'y')}});
  EXPECT_TRUE(read_text(path) == read_text(fs::path(DEFOUND_GOLDENS) / "shards/names.tar"));
}

TEST(ShardWriter, NothingHasItsNameUntilItIsWholeAndNothingIsLeftOfABrokenOne) {
  const TempFolder folder;
  {
    ShardWriter writer(folder / "a.tar");
    writer.add("a.png", "x");
    EXPECT_FALSE(fs::exists(folder / "a.tar"));
    EXPECT_EQ(folder.entries(), 1u);
  }
  EXPECT_EQ(folder.entries(), 0u);
  ShardWriter writer(folder / "a.tar");
  writer.publish();
  EXPECT_EQ(fs::file_size(folder / "a.tar"), 10240u);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(ShardWriter, NamesTheFolderThatCannotBeWritten) {
  const TempFolder folder;
  testing::expect_error(ExitCode::kFailed, "none/a.tar", [&] { ShardWriter(folder / "none/a.tar"); });
  fs::create_directory(folder / "locked");
  fs::permissions(folder / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  const testing::OrdinaryUser user;
  testing::expect_error(ExitCode::kFailed, "locked/a.tar: Permission denied", [&] { ShardWriter(folder / "locked/a.tar"); });
}

}  // namespace
}  // namespace defound
