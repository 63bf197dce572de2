#include <gtest/gtest.h>

#include <sstream>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/core/random.h"
#include "defound/data/csv.h"
#include "defound/models/generator.h"
#include "defound/models/unet_presets.h"
#include "defound/tasks/synthesize.h"
#include "support/command.h"
#include "support/expect_error.h"
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
  /// A job in this process.
  void here(const std::string& output) {
    SynthesizeConfig config = config_;
    config.generator = (folder_ / "generator").string(), config.run.output = (folder_ / output).string();
    config.steps = 2, config.run.resume = "auto", config.execution.threads = 1, config.execution.log_level = "error";
    std::ostringstream out;
    synthesize(config, "test", out);
  }
  std::string text(const std::string& name) const { return read_text(folder_ / name); }
  std::vector<CsvRecord> rows(const std::string& manifest) const { return parse_csv(text(manifest), manifest); }

  testing::TempFolder folder_;
  SynthesizeConfig config_;
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

TEST_F(Synthesis, ARedrawnImageKeepsItsNewSeedAfterAnInterruption) {
  config_.count = {"ill=3", "healthy=1"};
  here("set");
  const std::string before = text("set/manifest.csv"), path = "ill/ill_000002.png", image = text("set/" + path);
  const std::vector<std::string> last = rows("set/manifest.csv").back().fields;
  ASSERT_EQ(last[0], path);
  // as an interruption right after the redrawing leaves it
  fs::rename(folder_ / "set/manifest.csv", folder_ / "set/plan.csv");
  fs::remove(folder_ / "set/DONE"), fs::remove(folder_ / ("set/" + path));
  folder_.write("set/redrawn.csv", csv_line({"path", "seed", "redrawn"}) + csv_line({path, last[5], "77"}));
  here("set");
  EXPECT_EQ(rows("set/manifest.csv").back().fields[5], "77");
  EXPECT_NE(text("set/" + path), image);
}

TEST_F(Synthesis, AGeneratorOfNoUseFailsTheJob) {
  const fs::path file = folder_ / "generator/unet/diffusion_pytorch_model.safetensors";
  TensorMap weights = load_safetensors(file).tensors;
  for (auto& [name, tensor] : weights) tensor = torch::full_like(tensor, NAN);
  save_safetensors(file, weights);
  config_.count = {"ill=5"};
  testing::expect_error(ExitCode::kFailed, "not finite or of one color; more than 1 mean that the generator is broken",
                        [&] { here("set"); });
  EXPECT_FALSE(fs::exists(folder_ / "set/DONE"));
  EXPECT_FALSE(fs::exists(folder_ / "set/ill/ill_000000.png"));
}

TEST_F(Synthesis, GuidanceOutsideItsIntervalIsNone) {
  config_.count = {"ill=1"}, config_.guidance_scale = 1;
  here("unguided");
  config_.guidance_scale = 4;
  here("everywhere");
  config_.guidance_interval = {"1500", "1600"};
  here("outside");
  config_.guidance_interval = {"0", "999"};
  here("inside");
  const std::string name = "/ill/ill_000000.png";
  EXPECT_EQ(text("outside" + name), text("unguided" + name));
  EXPECT_EQ(text("inside" + name), text("everywhere" + name));
  EXPECT_NE(text("inside" + name), text("outside" + name));
  const auto refused = [&](const std::vector<std::string>& interval, const std::string& words) {
    config_.guidance_interval = interval;
    testing::expect_error(ExitCode::kUsage, words, [&] { here("x"); });
  };
  refused({"5"}, "expected LOW,HIGH");
  refused({"9", "5"}, "9 is above 5");
  refused({"a", "5"}, "'a' is no timestep");
}

TEST_F(Synthesis, KilledAtAnyMomentItGoesOnToTheUnbrokenSet) {
  for (const std::string format : {"folder", "shards"}) {
    const std::string job = "--count 24 --batch_size 2 --images_per_shard 6 --format " + format + " --resume auto --output ";
    expect_done(job + format);
    RandomStream moments = Draws(3, format).stream(0);
    for (int i = 0; i < 2; ++i)
      run(job + format + "-broken & sleep " + fmt::format("{:.2f}", moments.uniform(0.1, 1.5)) + "; kill -KILL $!; wait $!");
    expect_done(job + format + "-broken");
    const auto same =
        testing::run_command("cd " + folder_.path().string() +
                             " && diff -r --exclude=*.json --exclude=log.txt --exclude=report.html --exclude=DONE " + format +
                             " " + format + "-broken");
    EXPECT_EQ(same.exit_code, 0) << same.output;
    const auto written = fs::last_write_time(folder_ / (format + "-broken/log.txt"));
    expect_done(job + format + "-broken");
    EXPECT_EQ(fs::last_write_time(folder_ / (format + "-broken/log.txt")), written);
  }
}

TEST_F(Synthesis, ShardsAreDataForTheOtherCommands) {
  expect_done("--count 6 --format shards --images_per_shard 5 --output set");
  const std::string here = "cd " + folder_.path().string() + " && ";
  const auto scan = testing::run_command(here + "defound-data scan --data 'set/shards/*.tar' --json");
  EXPECT_EQ(scan.exit_code, 0) << scan.output;
  EXPECT_NE(scan.output.find("\"healthy\""), std::string::npos) << scan.output;
  for (const char* data : {"'set/shards/*.tar'", "set/manifest.csv"}) {
    const auto train = testing::run_command(
        here + "rm -rf mae && defound-pretrain --data " + data +
        " --max_train_steps 2 --batch_size 4 --model tiny --input_size 16 --patch_size 8 --threads 1 --output mae");
    EXPECT_EQ(train.exit_code, 0) << train.output;
  }
  EXPECT_EQ(testing::run_command(here + "defound-data scan --data set/shards").exit_code, 2);
}

}  // namespace
}  // namespace defound
