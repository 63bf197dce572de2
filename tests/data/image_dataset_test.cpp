#include "defound/data/image_dataset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "defound/data/check_images.h"
#include "defound/data/csv.h"
#include "defound/data/load_table.h"
#include "support/made_images.h"
#include "support/rejection.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::rejection_of;
using testing::TempFolder;
using testing::write_made_image;

ImageTable table_of(const fs::path& folder) {
  DataOptions options;
  options.data = {folder.string()};
  return load_table(options);
}

/// Cuts the file's second half off.
void cut(const fs::path& path) { fs::resize_file(path, fs::file_size(path) * 9 / 10); }

TEST(ImageDataset, SamplesAreTheSameWithAndWithoutCache) {
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) write_made_image(folder.path(), fmt::format("c{}/{}.jpg", i % 2, i), i, 150 + i, 170);
  const TransformOptions mae = transform_preset("mae", 32);  // crops of 150 px are decoded at 1/2 or 1/4
  const ImageDataset cached(table_of(folder.path()), mae), plain(table_of(folder.path()), mae, 0), little(table_of(folder.path()), mae, 8000);
  const Draws draws(1, "augment");
  for (int64_t epoch = 0; epoch < 6; ++epoch)
    for (int64_t i = 0; i < 4; ++i) {
      const Sample sample = cached.get(i, draws, sample_id(epoch, i));
      EXPECT_EQ(sample.image.sizes(), (torch::IntArrayRef{3, 32, 32}));
      EXPECT_EQ(sample.label, i / 2);
      EXPECT_TRUE(torch::equal(sample.image, plain.get(i, draws, sample_id(epoch, i)).image)) << epoch << " " << i;
      EXPECT_TRUE(torch::equal(sample.image, little.get(i, draws, sample_id(epoch, i)).image)) << epoch << " " << i;
    }
  EXPECT_FALSE(torch::equal(cached.get(0, draws, sample_id(0, 0)).image, cached.get(0, draws, sample_id(1, 0)).image));
}

TEST(ImageDataset, DamagedFileIsNamed) {
  const TempFolder folder;
  cut(write_made_image(folder.path(), "x/bad.jpg", 1));
  const ImageDataset dataset(table_of(folder.path()), transform_preset("evaluate", 16));
  EXPECT_NE(rejection_of([&] { dataset.get(0, Draws(0, "augment"), 0); }).find("x/bad.jpg is cut short"), std::string::npos);
}

TEST(CheckImages, FindsWhatCannotBeRead) {
  const TempFolder folder;
  for (int i = 0; i < 6; ++i) write_made_image(folder.path(), fmt::format("c/{}.{}", i, i % 2 ? "png" : "jpg"), i);
  cut(folder / "c/1.png");
  cut(folder / "c/2.jpg");
  folder.write("c/3.png", "no image");
  fs::resize_file(folder / "c/4.jpg", 0);
  ImageTable table = table_of(folder.path());
  fs::remove(folder / "c/5.png");
  const auto bad = check_images(table, 3);
  ASSERT_EQ(bad.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(bad[i].row, static_cast<int64_t>(i) + 1);
    EXPECT_NE(bad[i].reason.find(bad[i].path.string()), std::string::npos) << bad[i].reason;
  }
}

TEST(CheckImages, PolicyDecidesWhatHappensToBadFiles) {
  const TempFolder folder;
  for (int i = 0; i < 200; ++i) write_made_image(folder.path(), fmt::format("c/{:03}.png", i), i, 4, 4);
  cut(folder / "c/007.png");
  const ImageTable table = table_of(folder.path());
  EXPECT_NE(rejection_of([&] { without_bad_images(table, "fail", 2); }).find("007.png"), std::string::npos);
  const ImageTable rest = without_bad_images(table, "skip", 2, folder / "bad_files.csv");
  EXPECT_EQ(rest.size(), 199);
  EXPECT_EQ(rest.rows[7].path, folder / "c/008.png");
  const auto listed = parse_csv(read_text(folder / "bad_files.csv"), "bad_files.csv");
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[1].fields[0], (folder / "c/007.png").string());
  cut(folder / "c/008.png");
  EXPECT_EQ(without_bad_images(table, "skip", 2).size(), 198);
  cut(folder / "c/009.png");
  EXPECT_NE(rejection_of([&] { without_bad_images(table, "skip", 2); }).find("3 of 200 images cannot be read, more than 1 %"), std::string::npos);
}

}  // namespace
}  // namespace defound
