#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "defound/config/json.h"
#include "defound/data/load_table.h"
#include "support/command.h"
#include "support/made_images.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::CommandResult;
using testing::run_command;
using testing::TempFolder;
using testing::write_made_image;

/// 20 patients of two images, in two classes; one file is damaged, one is there twice.
void make_set(const TempFolder& folder) {
  std::string manifest = "path,label,patient,age\n";
  for (int i = 0; i < 40; ++i) {
    const std::string name = fmt::format("images/{:02}.{}", i, i % 2 ? "png" : "jpg");
    write_made_image(folder.path(), name, i == 39 ? 37 : i);
    manifest += fmt::format("{},{},p{},{}\n", name, i / 2 % 2 ? "dr" : "normal", i / 2, 40 + i / 2);
  }
  folder.write("manifest.csv", manifest);
  fs::resize_file(folder / "images/04.jpg", fs::file_size(folder / "images/04.jpg") * 9 / 10);
}

TEST(DataCommand, ScanTellsWhatIsWrongAndWritesAManifestOfTheRest) {
  const TempFolder folder;
  make_set(folder);
  const std::string data = folder.path().string();
  const CommandResult json = run_command("defound-data scan --json --log_level off --data " + data + " --output " + (folder / "checked").string());
  ASSERT_EQ(json.exit_code, 0) << json.output;
  const Json report = parse_json(json.output, "stdout");
  EXPECT_EQ(report["images"], 40);
  EXPECT_EQ(report["patients"], 20);
  EXPECT_EQ(report["classes"]["dr"]["images"], 20);
  ASSERT_EQ(report["unreadable"].size(), 1u);
  ASSERT_EQ(report["duplicates"].size(), 1u);
  EXPECT_EQ(report["duplicates"][0]["files"].size(), 2u);
  EXPECT_EQ(report["sizes"]["width"]["median"], 24);
  DataOptions checked;
  checked.data = {(folder / "checked").string()};
  EXPECT_EQ(load_table(checked).size(), 39);
  EXPECT_EQ(load_table(checked).extra_columns, std::vector<std::string>{"age"});
  EXPECT_TRUE(fs::exists(folder / "checked/bad_files.csv"));
  const CommandResult text = run_command("defound-data scan --data " + data);
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.output.find("04.jpg is cut short"), std::string::npos) << text.output;
  EXPECT_EQ(run_command("defound-data scan --bad_images fail --data " + data).exit_code, 2);
}

TEST(DataCommand, SplitWritesAManifestThatFindsItsFiles) {
  const TempFolder folder;
  make_set(folder);
  const std::string line = "defound-data split --log_level warn --seed 3 --shares 0.5,0.2,0.3 --data " + folder.path().string() + " --output " +
                           (folder / "new/split.csv").string();
  const CommandResult result = run_command(line);
  ASSERT_EQ(result.exit_code, 0) << result.output;
  DataOptions options;
  options.data = {(folder / "new/split.csv").string()};
  const ImageTable table = load_table(options);
  EXPECT_EQ(rows_of_split(table, "train").size(), 20);
  EXPECT_EQ(rows_of_split(table, "test").size(), 12);
  for (const ImageRow& row : table.rows) EXPECT_TRUE(fs::exists(row.path)) << row.path;
  const CommandResult again = run_command(line);
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.output.find("is not overwritten"), std::string::npos);
}

TEST(DataCommand, StatsOfKnownPixels) {
  const TempFolder folder;
  fs::create_directories(folder / "a");
  Image image(10, 10, 0);
  for (int64_t y = 0; y < 5; ++y)
    for (int64_t x = 0; x < 10; ++x) image.at(x, y)[0] = 255;
  write_image(folder / "a/half_red.png", image);
  const CommandResult json = run_command("defound-data stats --json --log_level off --data " + folder.path().string());
  ASSERT_EQ(json.exit_code, 0) << json.output;
  const Json report = parse_json(json.output, "stdout");
  EXPECT_EQ(report["channels"]["mean"], Json::parse("[0.5, 0.0, 0.0]"));
  EXPECT_EQ(report["channels"]["std"], Json::parse("[0.5, 0.0, 0.0]"));
  EXPECT_NE(run_command("defound-data stats --data " + folder.path().string()).output.find("0.5000  0.0000  0.0000"), std::string::npos);
}

TEST(DataCommand, WrongUseGetsOneLineAndExitTwo) {
  const TempFolder folder;
  make_set(folder);
  const std::string data = " --data " + folder.path().string();
  for (const std::string& arguments : {std::string("scan"), std::string("scan --data /nowhere/at/all"), "split" + data, "split" + data + " --shares 0.5,0.6 --output x",
                                      "stats --splt train" + data, "stats --split train" + data, std::string("scann"), std::string("")}) {
    const CommandResult result = run_command("defound-data " + arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments << ": " << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }
  EXPECT_EQ(run_command("defound-data --help").exit_code, 0);
  EXPECT_NE(run_command("defound-data split --help").output.find("--shares"), std::string::npos);
}

}  // namespace
}  // namespace defound
