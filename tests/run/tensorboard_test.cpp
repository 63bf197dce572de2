#include "defound/run/tensorboard.h"

#include "defound/core/error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<int64_t> steps_in(const fs::path& folder) {
  std::vector<int64_t> steps;
  for (const auto& file : event_files(folder))
    for (const auto& record : read_records(file))
      if (const auto step = scalar_step(record)) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

TEST(Crc32c, KnownAnswers) {  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

TEST(TensorBoardLog, WritesTheEventFormat) {
  const testing::TempFolder folder;
  { TensorBoardLog(folder.path()).write(300, {{"loss", 0.5}}); }
  const auto files = event_files(folder.path());
  ASSERT_EQ(files.size(), 1u);
  const auto records = read_records(files[0]);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].substr(9), "\x1a\x0d" "brain.Event:2");  // field 3, 13 bytes; before it field 1, the wall time
  // step 300 = 0xAC 0x02; Summary { Value { tag "loss", simple_value 0.5 = 0x3F000000 } }
  EXPECT_EQ(records[1].substr(9), std::string("\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f", 18));
  EXPECT_EQ(fs::file_size(files[0]), 2 * 16 + records[0].size() + records[1].size());
}

TEST(TensorBoardLog, WritesPicturesAsTensorBoardsOwnWriterDoes) {
  const testing::TempFolder folder;
  // the first 24 bytes of a picture of 300 x 2 pixels, which is all that is looked at
  const std::string png("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x2c\0\0\0\x02", 24);
  {
    TensorBoardLog log(folder.path());
    log.write_picture(300, "samples", png);
    EXPECT_THROW(log.write_picture(301, "samples", "GIF89a"), Error);
  }
  const auto records = read_records(event_files(folder.path())[0]);
  ASSERT_EQ(records.size(), 2u);
  // from tensorboard.compat.proto: Event(step=300, summary=Summary(value=[Summary.Value(tag="samples",
  // image=Summary.Image(height=2, width=300, colorspace=3, encoded_image_string=png))]))
  const std::string expected = std::string("\x10\xac\x02*.\x0a,\x0a\x07samples\x22!\x08\x02\x10\xac\x02\x18\x03\x22\x18", 27) + png;
  EXPECT_EQ(records[1].substr(9), expected);
  EXPECT_EQ(scalar_step(records[1]), 300);
  EXPECT_EQ(steps_in(folder.path()), std::vector<int64_t>{300});
}

TEST(TensorBoardLog, IsCutBackAndGoesOnInANewFile) {
  const testing::TempFolder folder;
  {
    TensorBoardLog log(folder.path());
    for (const int64_t step : {10, 20, 30, 40}) log.write(step, {{"loss", 1.0}});
  }
  const auto first = event_files(folder.path()).front();
  fs::resize_file(first, fs::file_size(first) - 3);  // torn by a crash
  EXPECT_EQ(steps_in(folder.path()), (std::vector<int64_t>{10, 20, 30}));
  { TensorBoardLog(folder.path(), 20).write(30, {{"loss", 2.0}}); }
  EXPECT_EQ(event_files(folder.path()).size(), 2u);
  EXPECT_EQ(steps_in(folder.path()), (std::vector<int64_t>{10, 20, 30}));
}

TEST(TensorBoardLog, FlippedBitEndsTheRecords) {
  const testing::TempFolder folder;
  {
    TensorBoardLog log(folder.path());
    for (const int64_t step : {1, 2, 3}) log.write(step, {{"loss", 1.0}});
  }
  const auto path = event_files(folder.path()).front();
  std::string content = read_text(path);
  content[content.size() - 8] ^= 1;
  write_atomic(path, content);
  EXPECT_EQ(steps_in(folder.path()), (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace defound
