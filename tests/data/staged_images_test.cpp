#include "defound/data/staged_images.h"

#include <gtest/gtest.h>

#include "defound/data/image_files.h"
#include "defound/data/load_table.h"
#include "support/made_images.h"
#include "support/made_shards.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

TEST(StagedImages, FilesAreReadFromTheCopiesWhichGoInTheEnd) {
  const testing::TempFolder folder;
  for (int i = 0; i < 5; ++i) testing::write_made_image(folder.path(), "images/" + std::string(i % 2 ? "a/" : "b/") + std::to_string(i) + ".png", i);
  DataOptions options;
  options.data = {(folder / "images").string()};
  const ImageTable table = load_table(options, {});
  ImageTable staged = table, follower = table;
  {
    ImageTable* const tables[] = {&staged};
    const StagedImages copies(tables, folder / "scratch", true, 2);
    ImageTable* const others[] = {&follower};
    const StagedImages shared(others, folder / "scratch", false, 2);
    const ImageFiles files;
    for (size_t i = 0; i < table.rows.size(); ++i) {
      EXPECT_TRUE(staged.rows[i].path.string().starts_with((folder / "scratch").string()));
      EXPECT_EQ(staged.rows[i].path.extension(), table.rows[i].path.extension());
      EXPECT_EQ(staged.rows[i].path, follower.rows[i].path);
      EXPECT_EQ(read_text(staged.rows[i].path), read_text(table.rows[i].path));
      EXPECT_EQ(staged.rows[i].origin, table.rows[i].origin);
    }
  }
  EXPECT_FALSE(fs::exists(folder / "scratch"));
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(StagedImages, AShardIsCopiedOnceAndItsMembersReadThere) {
  const testing::TempFolder folder;
  testing::Members members;
  for (int i = 0; i < 3; ++i) for (auto& member : testing::made_sample(i, R"({"label": "a"})")) members.push_back(member);
  testing::write_shard(folder / "shards/000000.tar", members);
  DataOptions options;
  options.data = {(folder / "shards/*.tar").string()};
  ImageTable table = load_table(options, {});
  ASSERT_EQ(table.size(), 3);
  ImageTable* const tables[] = {&table};
  const StagedImages copies(tables, folder / "scratch", true, 1);
  fs::remove_all(folder / "shards");
  const ImageFiles files;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(files.image(table.rows[static_cast<size_t>(i)].path).pixels, testing::made_image(i).pixels);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "scratch/0"), {}), 1);
}

TEST(StagedImages, AMissingFileLeavesNothingBehind) {
  const testing::TempFolder folder;
  testing::write_made_image(folder.path(), "images/a/0.png", 0);
  ImageTable table;
  table.rows.resize(2);
  table.rows[0].path = folder / "images/a/0.png";
  table.rows[1].path = folder / "images/a/none.png";
  ImageTable* const tables[] = {&table};
  EXPECT_ANY_THROW(StagedImages(tables, folder / "scratch", true, 1));
  EXPECT_FALSE(fs::exists(folder / "scratch"));
  EXPECT_EQ(table.rows[0].path, folder / "images/a/0.png");
}

}  // namespace
}  // namespace defound
