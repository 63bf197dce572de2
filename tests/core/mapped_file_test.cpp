#include "defound/core/mapped_file.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "defound/core/crc32.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;

TEST(MappedFile, ChangesStayInMemoryAndItOutlivesTheFilesName) {
  const TempFolder folder;
  const fs::path path = folder.write("a.bin", "0123456789");
  const auto file = MappedFile::open(path);
  EXPECT_EQ(file->bytes(), "0123456789");
  file->data()[0] = 'x';
  EXPECT_EQ(read_text(path), "0123456789");
  EXPECT_EQ(file->bytes(), "x123456789");
  EXPECT_EQ(file->checksum(2, 3), crc32("234"));
  fs::remove(path);
  EXPECT_EQ(file->bytes().substr(1), "123456789");
  EXPECT_TRUE(MappedFile::open(folder.write("empty", ""))->bytes().empty());
}

TEST(MappedFile, ChecksumsMoreThanOnePiece) {
  const TempFolder folder;
  std::string bytes(3'000'001, 'a');
  bytes[2'500'000] = 'b';
  const auto file = MappedFile::open(folder.write("large", bytes));
  EXPECT_EQ(file->checksum(1, bytes.size() - 1), crc32(std::string_view(bytes).substr(1)));
}

TEST(MappedFile, StaysWithoutItsDescriptor) {
  const TempFolder folder;
  const auto file = MappedFile::open(folder.write("a", "0123456789"));
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()); };
  const auto before = descriptors();
  file->release_descriptor();
  EXPECT_EQ(descriptors(), before - 1);
  EXPECT_EQ(file->bytes(), "0123456789");
}

TEST(MappedFile, RejectsWhatIsNoFile) {
  const TempFolder folder;
  expect_error(ExitCode::kUsage, "does not exist", [&] { MappedFile::open(folder / "none"); });
  expect_error(ExitCode::kUsage, "is not a file", [&] { MappedFile::open(folder.path()); });
}

}  // namespace
}  // namespace defound
