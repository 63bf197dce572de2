#include <gtest/gtest.h>

#include "defound/core/files.h"
#include "defound/run/provenance.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

/// scripts/generator_stage.sh with the golden's small Stable Diffusion in the place of the real one.
class GeneratorStage : public ::testing::Test {
 protected:
  testing::CommandResult stage(const std::string& options) {
    const fs::path root = fs::path(DEFOUND_CONFIGS).parent_path();
    return testing::run_command(fmt::format(
        "cd {} && {} --recipe retfound-de --init {} --data split/manifest.csv --output out --resolution 16 --max_train_steps 2 "
        "--batch_size 8 --balance_to 40 --precision fp32 {}",
        folder_.path().string(), (root / "scripts/generator_stage.sh").string(),
        (root / "tests/goldens/stable_diffusion").string(), options));
  }
  void SetUp() override {
    const auto made = testing::run_command(
        fmt::format("cd {} && defound-data phantom --modality fundus --count 64 --size 32 --output data --log_level error && "
                    "defound-data split --data data --output split/manifest.csv --log_level error",
                    folder_.path().string()));
    ASSERT_EQ(made.exit_code, 0) << made.output;
  }

  testing::TempFolder folder_;
};

TEST_F(GeneratorStage, GoesFromWeightsToAFilteredSetAndDoesNothingTwice) {
  const auto first = stage("");
  ASSERT_EQ(first.exit_code, 0) << first.output;
  const std::string filtered = read_text(folder_ / "out/synthetic/manifest-filtered.csv");
  EXPECT_NE(filtered.find("shards/shard-000000.tar#"), std::string::npos) << filtered.substr(0, 300);
  EXPECT_NE(filtered.find("a DSLR photo of no dr"), std::string::npos) << filtered.substr(0, 300);
  EXPECT_GT(read_ancestry(folder_ / "out/synthetic").image_hashes.size(), 30u);
  const auto written = fs::last_write_time(folder_ / "out/synthetic/shards/shard-000000.tar");
  const auto second = stage("");
  EXPECT_EQ(second.exit_code, 0) << second.output;
  for (const char* work : {"encoding", "first step", "synthesizing", "real against real"}) {
    EXPECT_NE(first.output.find(work), std::string::npos) << work;
    EXPECT_EQ(second.output.find(work), std::string::npos) << second.output;
  }
  EXPECT_EQ(fs::last_write_time(folder_ / "out/synthetic/shards/shard-000000.tar"), written);
}

TEST_F(GeneratorStage, DryRunCountsHoursOfGpusAndWritesNothing) {
  const auto result = stage("--dry_run");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  size_t steps = 0;
  for (size_t at = result.output.find("A100"); at != std::string::npos; at = result.output.find("A100", at + 1)) ++steps;
  EXPECT_EQ(steps, 3u) << result.output;   // latents, training, synthesis
  EXPECT_NE(result.output.find("weights (on a CPU twice"), std::string::npos) << result.output;
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(GeneratorStage, WrongUseIsNamed) {
  EXPECT_EQ(stage("--recipe resnet").exit_code, 2);
  const auto unknown = stage("--steps 3");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.output.find("unknown argument: --steps"), std::string::npos) << unknown.output;
}

}  // namespace
}  // namespace defound
