#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/data/csv.h"
#include "defound/models/generator.h"
#include "defound/models/unet_presets.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

/// Jobs of a small generator with random weights, as commands.
class Synthesis : public ::testing::Test {
 protected:
  Synthesis() {
    const UNet2DConditionConfig unet = unet_preset("tiny", 8, 3);
    LabelTableConfig labels;
    labels.labels = {"healthy", "ill"};
    labels.cross_attention_dim = unet.cross_attention_dim;
    Generator::make(unet, labels, {}, nullptr, Draws(1, "init")).save(folder_ / "generator");
  }
  testing::CommandResult run(const std::string& options, const std::string& environment = "") {
    return testing::run_command("cd " + folder_.path().string() + " && " + environment +
                                "defound-synthesize --generator generator --steps 2 --threads 1 " + options);
  }
  void expect_done(const std::string& options, const std::string& environment = "") {
    const auto result = run(options, environment);
    EXPECT_EQ(result.exit_code, 0) << options << "\n" << result.output;
  }
  void expect_refused(int code, const std::string& options, const std::string& words) {
    const auto result = run(options);
    EXPECT_EQ(result.exit_code, code) << options << "\n" << result.output;
    EXPECT_NE(result.output.find(words), std::string::npos) << options << "\n" << result.output;
  }
  std::string text(const std::string& name) const { return read_text(folder_ / name); }
  std::vector<CsvRecord> rows(const std::string& manifest) const { return parse_csv(text(manifest), manifest); }

  testing::TempFolder folder_;
};

TEST_F(Synthesis, PartsGiveTheSetOfOneProcess) {
  const std::string job = "--count healthy=5 --count ill=3 --batch_size 2 ";
  expect_done(job + "--output whole");
  expect_refused(2, job + "--output parts --merge", "holds no parts");
  expect_done(job + "--output parts --part 2/3");
  EXPECT_EQ(rows("parts/parts/00002-of-00003/manifest.csv").size(), 1u + 2u);
  EXPECT_TRUE(
      fs::exists(folder_ / "parts/parts/00002-of-00003" / rows("parts/parts/00002-of-00003/manifest.csv")[1].fields[0]));
  expect_refused(2, job + "--output parts --merge", "2 of 3 parts are not done: 0/3, 1/3");
  expect_done(job + "--output parts", "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=3 ");
  expect_done(job + "--output parts --part 1/3");
  expect_refused(2, "--count healthy=5 --count ill=4 --output parts --merge", "another recipe");
  expect_done(job + "--output parts --merge");
  expect_done(job + "--output parts --merge --resume auto");
  EXPECT_TRUE(fs::exists(folder_ / "parts/DONE"));
  EXPECT_EQ(text("parts/manifest.csv"), text("whole/manifest.csv"));
  for (size_t i = 1; i < rows("whole/manifest.csv").size(); ++i) {
    const std::string name = rows("whole/manifest.csv")[i].fields[0];
    EXPECT_EQ(text("parts/" + name), text("whole/" + name)) << name;
  }
}

TEST_F(Synthesis, WhatIsNotOfThisJobIsNotMerged) {
  const std::string job = "--count 2 --output set ";
  for (const char* part : {"--part 0/2", "--part 1/2"}) expect_done(job + part);
  fs::remove(folder_ / "set/ill/ill_000001.png");
  expect_refused(2, job + "--merge", "ill/ill_000001.png is gone");
  expect_done("--count 2 --output other --part 0/3");
  fs::rename(folder_ / "other/parts/00000-of-00003", folder_ / "set/parts/00000-of-00003");
  expect_refused(2, job + "--merge", "several divisions, by 2 and by 3");
  for (const char* part : {"--part 2/2", "--part 1", "--part -1/2", "--part 0/0"})
    expect_refused(2, "--count 2 --output wrong " + std::string(part), "--part");
  expect_refused(2, "--count 2 --output wrong --part 0/2 --merge", "contradict");
  EXPECT_FALSE(fs::exists(folder_ / "wrong"));
}

TEST_F(Synthesis, ARedrawnImageKeepsItsNewSeedAfterAnInterruption) {
  const std::string job = "--count ill=3 --count healthy=1 --output set ";
  expect_done(job);
  const std::string before = text("set/manifest.csv"), path = "ill/ill_000002.png", image = text("set/" + path);
  const std::vector<std::string> last = rows("set/manifest.csv").back().fields;
  ASSERT_EQ(last[0], path);
  // as an interruption right after the redrawing leaves it
  fs::rename(folder_ / "set/manifest.csv", folder_ / "set/plan.csv");
  fs::remove(folder_ / "set/DONE"), fs::remove(folder_ / ("set/" + path));
  folder_.write("set/redrawn.csv", csv_line({"path", "seed", "redrawn"}) + csv_line({path, last[5], "77"}));
  expect_done(job + "--resume auto");
  EXPECT_EQ(rows("set/manifest.csv").back().fields[5], "77");
  EXPECT_NE(text("set/" + path), image);
}

TEST_F(Synthesis, AGeneratorOfNoUseFailsTheJob) {
  const fs::path file = folder_ / "generator/unet/diffusion_pytorch_model.safetensors";
  TensorMap weights = load_safetensors(file).tensors;
  for (auto& [name, tensor] : weights) tensor = torch::full_like(tensor, NAN);
  save_safetensors(file, weights);
  expect_refused(1, "--count ill=5 --output set", "not finite or of one color; more than 1 mean that the generator is broken");
  EXPECT_FALSE(fs::exists(folder_ / "set/DONE"));
  EXPECT_FALSE(fs::exists(folder_ / "set/ill/ill_000000.png"));
}

TEST_F(Synthesis, BalancesToANumberOrToAMultipleOfALabel) {
  folder_.write("real.csv", "path,label\na.png,healthy\nb.png,healthy\nc.png,healthy\nd.png,ill\n");
  const auto count_of = [&](const std::string& set, const std::string& label) {
    int64_t count = 0;
    for (const auto& row : rows(set + "/manifest.csv")) count += row.fields[1] == label;
    return count;
  };
  expect_done("--data real.csv --balance_to 4 --output four");
  EXPECT_EQ(count_of("four", "healthy"), 1);
  EXPECT_EQ(count_of("four", "ill"), 3);
  expect_done("--data real.csv --balance_to 2x:healthy --output twice");
  EXPECT_EQ(count_of("twice", "healthy"), 3);
  EXPECT_EQ(count_of("twice", "ill"), 5);
  expect_refused(2, "--data real.csv --balance_to 1 --output none", "nothing to make");
  expect_refused(2, "--balance_to 4 --output none", "needs --data");
  expect_refused(2, "--data real.csv --balance_to 2x:helthy --output none", "did you mean 'healthy'");
  expect_refused(2, "--data real.csv --balance_to many --output none", "'many' is not a number");
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(Synthesis, GuidanceOutsideItsIntervalIsNone) {
  expect_done("--count ill=1 --guidance_scale 1 --output unguided");
  expect_done("--count ill=1 --guidance_scale 4 --guidance_interval 1500,1600 --output outside");
  expect_done("--count ill=1 --guidance_scale 4 --guidance_interval 0,999 --output inside");
  expect_done("--count ill=1 --guidance_scale 4 --output everywhere");
  const std::string name = "/ill/ill_000000.png";
  EXPECT_EQ(text("outside" + name), text("unguided" + name));
  EXPECT_EQ(text("inside" + name), text("everywhere" + name));
  EXPECT_NE(text("inside" + name), text("outside" + name));
  expect_refused(2, "--count 1 --guidance_interval 5 --output x", "expected LOW,HIGH");
  expect_refused(2, "--count 1 --guidance_interval 9,5 --output x", "9 is above 5");
  expect_refused(2, "--count 1 --guidance_interval a,5 --output x", "'a' is no timestep");
}

}  // namespace
}  // namespace defound
