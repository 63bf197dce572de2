#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/data/load_table.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::CommandResult;
using testing::run_command;
using testing::TempFolder;

TEST(PhantomCommand, MakesASetThatTheOtherVerbsRead) {
  const TempFolder folder;
  const std::string set = (folder / "set").string();
  const CommandResult made = run_command("defound-data phantom --count 30 --size 32 --labels no_dr,moderate,proliferative --seed 2 --log_level warn --output " + set);
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const CommandResult scan = run_command("defound-data scan --json --log_level off --data " + set);
  ASSERT_EQ(scan.exit_code, 0) << scan.output;
  const Json report = parse_json(scan.output, "stdout");
  EXPECT_EQ(report["images"], 30);
  EXPECT_EQ(report["classes"]["moderate"]["images"], 10);
  EXPECT_TRUE(report["unreadable"].empty());
  EXPECT_TRUE(report["duplicates"].empty());
  DataOptions options;
  options.data = {set};
  const ImageTable table = load_table(options);
  EXPECT_TRUE(has_splits(table));
  EXPECT_TRUE(table.rows.front().patient_known);
}

TEST(PhantomCommand, RefusesWhatCannotBe) {
  const TempFolder folder;
  folder.write("used/file.txt", "mine");
  const std::string command = "defound-data phantom --count 4 --size 32 --log_level warn --output " + (folder / "new").string();
  for (const std::string wrong : {" --modality mri", " --labels no_dr,sever", " --balance 1", " --size 8", " --count 0", " --shares 0.5,0.5,0.5", " --colour red"}) {
    const CommandResult result = run_command(command + wrong);
    EXPECT_EQ(result.exit_code, 2) << wrong << ": " << result.output;
    EXPECT_FALSE(fs::exists(folder / "new")) << wrong;
  }
  EXPECT_NE(run_command(command + " --labels no_dr,sever").output.find("severe"), std::string::npos);
  EXPECT_EQ(run_command("defound-data phantom --count 4 --output " + (folder / "used").string()).exit_code, 2);
  EXPECT_EQ(run_command("defound-data phantom --count 4 --output " + (folder / "used/file.txt/below").string()).exit_code, 2);
  EXPECT_EQ(run_command(command + " --dry_run").exit_code, 0);
  EXPECT_FALSE(fs::exists(folder / "new"));
}

}  // namespace
}  // namespace defound
