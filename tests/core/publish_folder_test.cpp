#include "defound/core/publish_folder.h"

#include <gtest/gtest.h>

#include <iterator>

#include "defound/core/error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::TempFolder;

TEST(PublishFolder, AppearsWholeAndReplacesTheOldOne) {
  const TempFolder temp;
  const fs::path folder = temp / "product";
  publish_folder(folder, [&](const fs::path& fresh) {
    write_atomic(fresh / "a", "1");
    EXPECT_FALSE(fs::exists(folder));
  });
  EXPECT_EQ(read_text(folder / "a"), "1");
  publish_folder(folder / "", [&](const fs::path& fresh) {
    write_atomic(fresh / "b", "2");
    EXPECT_EQ(read_text(folder / "a"), "1");
  });
  EXPECT_EQ(read_text(folder / "b"), "2");
  EXPECT_FALSE(fs::exists(folder / "a"));
  EXPECT_EQ(temp.entries(), 1u);
}

TEST(PublishFolder, AFaultLeavesTheOldFolder) {
  const TempFolder temp;
  const fs::path folder = temp / "product";
  publish_folder(folder, [](const fs::path& fresh) { write_atomic(fresh / "a", "1"); });
  EXPECT_THROW(publish_folder(folder, [](const fs::path& fresh) { write_atomic(fresh / "b", "2"), fail("disk full"); }), Error);
  EXPECT_THROW(publish_folder(folder, [](const fs::path&) { throw std::runtime_error("other"); }), Error);
  EXPECT_EQ(read_text(folder / "a"), "1");
  EXPECT_EQ(temp.entries(), 1u);
}

}  // namespace
}  // namespace defound
