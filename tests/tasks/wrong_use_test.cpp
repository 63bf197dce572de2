#include <gtest/gtest.h>

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::CommandResult;
using testing::TempFolder;

/// A command and one of its integer options.
struct Tool {
  std::string name, line, integer;
};

/// Every command, in a folder that holds the set `data`; the line lacks --data and --output.
const std::vector<Tool> kReaders = {
    {"scan", "defound-data scan", "threads"},
    {"split", "defound-data split", "seed"},
    {"stats", "defound-data stats", "threads"},
    {"generator", "defound-train-generator --unet tiny --resolution 8 --max_train_steps 1 --batch_size 4", "log_every"},
    {"pretrain", "defound-pretrain --model tiny --input_size 16 --patch_size 8 --max_train_steps 1 --batch_size 4", "log_every"},
    {"finetune", "defound-finetune --model tiny --input_size 16 --patch_size 8 --max_train_steps 1 --batch_size 4", "log_every"},
    {"bench", "defound-bench loader", "batch"},
};

class WrongUse : public ::testing::TestWithParam<Tool> {
 protected:
  WrongUse() { EXPECT_EQ(run("defound-data phantom --modality cxr --count 24 --size 16 --seed 1 --output data").exit_code, 0); }
  CommandResult run(const std::string& line) { return testing::run_command("cd " + folder_.path().string() + " && " + line); }
  std::string line(const std::string& data) const {
    const std::string& name = GetParam().name;
    return GetParam().line + " --data " + data + (name == "stats" || name == "bench" ? "" : " --output out");
  }
  /// The exit code, and one line of error that holds the words.
  void expect_error(int code, const std::string& command, const std::vector<std::string>& words) {
    const CommandResult result = run(command);
    EXPECT_EQ(result.exit_code, code) << command << "\n" << result.output;
    std::string error;
    std::istringstream lines(result.output);
    for (std::string one; std::getline(lines, one);)
      if (one.find(" error ") != std::string::npos) error += one + "\n";
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << command << "\n" << result.output;
    for (const auto& word : words) EXPECT_NE(error.find(word), std::string::npos) << command << ": '" << word << "' is not in\n" << result.output;
  }
  TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Commands, WrongUse, ::testing::ValuesIn(kReaders), [](const auto& info) { return info.param.name; });

TEST_P(WrongUse, OfOptionsIsOneLineAndExitCode2) {
  const std::string good = line("data"), key = GetParam().integer;
  expect_error(2, good + " --" + key + "x 3", {"unknown option '--" + key + "x'", "did you mean --" + key + "?"});
  expect_error(2, good + fmt::format(" --{0} 3 --{0} 3", key), {"--" + key + " is given more than once"});
  expect_error(2, good + " --" + key + " 1.9", {"--" + key + " must be an integer", "1.9"});
  expect_error(2, good + " --" + key + "=", {"--" + key + " needs a value"});
  expect_error(2, good + " --" + key + " -1", {key + " is -1; it must lie in"});
  expect_error(2, good + " --config nowhere.json", {"nowhere.json does not exist"});
  folder_.write("a.json", fmt::format(R"({{"{}x": 3}})", key));
  expect_error(2, good + " --config a.json", {"a.json", "unknown key \"" + key + "x\"", "did you mean \"" + key + "\"?"});
  folder_.write("a.json", fmt::format(R"({{"{0}": 3, "{0}": 4}})", key));
  expect_error(2, good + " --config a.json", {"a.json", key, "stands twice"});
  folder_.write("a.json", fmt::format(R"({{"{}": 1.9}})", key));
  expect_error(2, good + " --config a.json", {"a.json", key, "must be an integer, not 1.9"});
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_P(WrongUse, OfDataIsOneLineAndExitCode2) {
  expect_error(2, line("nowhere"), {"nowhere does not exist"});
  fs::create_directories(folder_ / "empty/full");
  fs::copy_file(folder_ / "data/manifest.csv", folder_ / "empty/full/a.png");
  fs::create_directories(folder_ / "empty/void");
  expect_error(2, line("empty"), {"empty/void holds no image", "fill it or remove it"});
  folder_.write("two.csv", "path,label,patient,split\na.png,x,p1,train\nb.png,y,p1,test\n");
  expect_error(2, line("two.csv"), {"patient p1 is in split train", "two.csv:2", "in split test", "two.csv:3", "split by patient"});
  folder_.write("out", "a file");
  if (line("data").ends_with(" out")) expect_error(2, line("data"), {"out", "file"});
  EXPECT_EQ(read_text(folder_ / "out"), "a file");
}

class BadImages : public WrongUse {};
INSTANTIATE_TEST_SUITE_P(Trainings, BadImages, ::testing::Values(kReaders[3], kReaders[4], kReaders[5]), [](const auto& info) { return info.param.name; });

TEST_P(BadImages, MoreThanOneInAHundredIsRefusedAndListed) {
  std::string manifest = read_text(folder_ / "data/manifest.csv");
  folder_.write("data/manifest.csv", manifest + "broken.png,pneumonia,p,train\r\n");
  folder_.write("data/broken.png", "no image");
  expect_error(2, line("data"), {"cannot be read, more than 1 %", "out/bad_files.csv", "broken.png"});
  EXPECT_NE(read_text(folder_ / "out/bad_files.csv").find("broken.png"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "out/checkpoints"));
}

TEST_P(BadImages, WhatCannotStartLeavesNoFolder) {
  const std::string name = GetParam().name;
  expect_error(2, line("data") + " --batch_size 1000", {"--batch_size is given more than once"});
  std::string large = line("data");
  large.replace(large.find("--batch_size 4"), 14, "--batch_size 1000");
  expect_error(2, large, {"less than one batch of 1000", "lower --batch_size"});
  expect_error(2, line("data") + " --init data/manifest.csv", {"manifest.csv"});
  if (name == "pretrain") expect_error(2, line("data") + " --mask_ratio 0.9", {"mask_ratio 0.9 leaves 0 of 4 patches visible"});
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_P(BadImages, AFolderInUseIsLeftAsItIs) {
  folder_.write("out/notes.txt", "mine");
  expect_error(2, line("data"), {"out is not empty (it holds notes.txt)", "give another --output"});
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), fs::directory_iterator()), 1);
}

TEST_P(BadImages, AFileAboveTheLimitOfTheSystemIsAFailedWriteThatLeavesNoHalfFile) {
  expect_error(1, "ulimit -f 64; " + line("data"), {"cannot write out/", "File too large"});
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "out")) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
    EXPECT_NE(entry.path().extension(), ".safetensors") << entry.path();
  }
}

class WrongOutput : public WrongUse {};
INSTANTIATE_TEST_SUITE_P(Verbs, WrongOutput, ::testing::Values(kReaders[0], kReaders[1]), [](const auto& info) { return info.param.name; });

TEST_P(WrongOutput, AManifestThatExistsIsNotOverwritten) {
  const std::string before = read_text(folder_ / "data/manifest.csv");
  expect_error(2, GetParam().line + " --data data --output data", {"data/manifest.csv exists; it is not overwritten"});
  EXPECT_EQ(read_text(folder_ / "data/manifest.csv"), before);
}

TEST_P(WrongOutput, AResultThatCannotBePrintedIsAFailure) {
  expect_error(1, GetParam().line + " --data data --output out > /dev/full", {"cannot write the result to the standard output"});
  expect_error(1, GetParam().line + " --print_config > /dev/full", {"cannot write the result to the standard output"});
}

}  // namespace
}  // namespace defound
