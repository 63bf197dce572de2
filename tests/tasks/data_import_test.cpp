#include <fmt/format.h>
#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/data/load_table.h"
#include "support/command.h"
#include "support/made_images.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::run_command;
using testing::TempFolder;
using testing::write_made_image;

/// The images that the lists of scripts/goldens/split_list.py name.
struct ImportedSet {
  TempFolder folder;
  const std::string lists = DEFOUND_GOLDENS "/split_list/";

  ImportedSet() {
    const std::vector<std::pair<std::string, int>> splits{{"train", 6}, {"val", 3}, {"test", 4}};
    for (const auto& [split, count] : splits)
      for (int i = 0; i < count; ++i) write_made_image(folder.path(), fmt::format("images/{}/{:02}.png", split, i), i);
  }
  testing::CommandResult import(const std::string& options) const {
    return run_command(fmt::format("defound-data import --log_level warn --image_root {} --output {} {}", (folder / "images").string(), (folder / "out").string(), options));
  }
  std::string all() const { return "--train " + lists + "train.pkl --val " + lists + "val.pkl --test " + lists + "test.pkl"; }
  ImageTable table() const {
    DataOptions options;
    options.data = {(folder / "out/manifest.csv").string()};
    return load_table(options);
  }
};

TEST(DataImport, ListsBecomeSplitsOfOneManifest) {
  const ImportedSet set;
  const auto result = set.import(set.all() + " --suffix .png");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("13 images"), std::string::npos) << result.output;
  const ImageTable table = set.table();
  EXPECT_EQ(table.classes, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(rows_of_split(table, "train").size(), 6);
  EXPECT_EQ(rows_of_split(table, "val").size(), 3);
  EXPECT_EQ(rows_of_split(table, "test").size(), 4);
  for (const ImageRow& row : table.rows) EXPECT_TRUE(fs::exists(row.path)) << row.path;
  EXPECT_EQ(rows_of_split(table, "val").rows[2].label_name, "2");    // a text of digits
  EXPECT_EQ(rows_of_split(table, "test").rows[1].label_name, "1");   // numpy's number
  EXPECT_EQ(set.import(set.all() + " --suffix .png").exit_code, 2);  // nothing is overwritten
}

TEST(DataImport, ClassesGiveNumbersNamesAndTextsAnOrder) {
  const ImportedSet set;
  ASSERT_EQ(set.import(set.all() + " --suffix .png --classes normal,mild,severe").exit_code, 0);
  EXPECT_EQ(set.table().classes, (std::vector<std::string>{"normal", "mild", "severe"}));
  EXPECT_EQ(set.table().rows[5].label_name, "severe");
  fs::remove_all(set.folder / "out");
  ASSERT_EQ(set.import("--list " + set.lists + "names.pkl --classes normal,glaucoma").exit_code, 0);
  EXPECT_EQ(set.table().classes, (std::vector<std::string>{"normal", "glaucoma"}));
  EXPECT_FALSE(has_splits(set.table()));
}

TEST(DataImport, MissingImagesAreNamedAndRefusedOrLeftOut) {
  const ImportedSet set;
  const auto without_ending = set.import(set.all());
  EXPECT_EQ(without_ending.exit_code, 2);
  EXPECT_NE(without_ending.output.find("3 of 13 images are not there"), std::string::npos) << without_ending.output;
  EXPECT_NE(without_ending.output.find("--suffix"), std::string::npos);
  fs::remove(set.folder / "images/train/03.png");
  const auto gone = set.import(set.all() + " --suffix .png");
  EXPECT_EQ(gone.exit_code, 2);
  EXPECT_NE(gone.output.find("03.png"), std::string::npos);
  EXPECT_FALSE(fs::exists(set.folder / "out"));
  ASSERT_EQ(set.import(set.all() + " --suffix .png --missing skip").exit_code, 0);
  EXPECT_EQ(set.table().size(), 12);
  EXPECT_NE(read_text(set.folder / "out/missing_files.csv").find("03.png"), std::string::npos);
}

TEST(DataImport, MistakesAreNamed) {
  const ImportedSet set;
  const auto expect = [&](const std::string& options, const std::string& words) {
    const auto result = set.import(options);
    EXPECT_EQ(result.exit_code, 2) << options;
    EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
    EXPECT_FALSE(fs::exists(set.folder / "out"));
  };
  expect("", "no list is given");
  expect("--train " + set.lists + "train.pkl --classes a,b", "the label '2' is none of the 2 classes");
  expect("--list " + set.lists + "names.pkl --classes a,b", "the label 'normal'");
  expect("--train " + set.lists + "train.pkl --test " + set.lists + "train.pkl", "in two splits");
  expect("--train " + (set.folder / "none.pkl").string(), "does not exist");
  expect("--train " + set.folder.write("text.pkl", "path,label\n").string(), "text.pkl");
  const auto pickled = [&](const std::string& body) { return "--train " + set.folder.write("made.pkl", "\x80\x02" + body + ".").string(); };
  expect(pickled("}"), "expected a list");
  expect(pickled("]"), "the lists name no image");
  expect(pickled("]K\x05" "a"), "entry 0 is");
  expect(pickled("]}X\x05" + std::string(3, '\0') + "labelK\x01sa"), "no \"img_root\"");
  expect(pickled("]}(X\x05" + std::string(3, '\0') + "labelNX\x08" + std::string(3, '\0') + "img_rootX\x05" + std::string(3, '\0') + "a.pngua"), "the label must be");
}

}  // namespace
}  // namespace defound
