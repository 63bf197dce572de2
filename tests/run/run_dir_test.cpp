#include "defound/run/run_dir.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

struct Recipe : RunConfig<Recipe> {
  double mask_ratio = 0.75;
  int64_t num_workers = 2;
  void visit(Visitor& v) override {
    v(field("mask_ratio", "share of hidden patches").range(0, 1), mask_ratio);
    v(field("num_workers", "threads").may_change(), num_workers);
  }
};

RunDir open_run(const fs::path& folder, Resume resume, Recipe recipe = {}) { return RunDir::open(folder, resume, recipe, "defound-x --y"); }

/// Code and message of the Error that `body` throws; code 0 when it throws none.
std::pair<int, std::string> error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return {static_cast<int>(e.code()), e.what()};
  }
  return {0, ""};
}

TEST(RunDir, StartsAndWritesItsFiles) {
  const testing::TempFolder folder;
  const RunDir run = open_run(folder / "a/b", Resume::kNever);
  EXPECT_FALSE(run.is_continued());
  EXPECT_FALSE(run.is_done());
  EXPECT_EQ(parse_json(read_text(run / "config.json"), "config")["mask_ratio"], 0.75);
  const Json start = parse_json(read_text(run / "provenance.json"), "provenance")["starts"].at(0);
  for (const char* key : {"time", "version", "command", "folder", "host", "pid", "processor", "device", "libraries"}) EXPECT_TRUE(start.contains(key)) << key;
  EXPECT_EQ(start["command"], "defound-x --y");
  EXPECT_EQ(start["pid"], getpid());
  EXPECT_NE(read_text(run / "log.txt").find("starting"), std::string::npos);
}

TEST(RunDir, NeverRefusesWhatIsThere) {
  const testing::TempFolder folder;
  { const RunDir run = open_run(folder / "run", Resume::kNever); }
  auto [code, message] = error_of([&] { open_run(folder / "run", Resume::kNever); });
  EXPECT_EQ(code, 2);
  EXPECT_NE(message.find("--resume auto"), std::string::npos) << message;
  folder.write("photos/cat.jpg", "x");
  for (const Resume resume : {Resume::kNever, Resume::kAuto}) {
    std::tie(code, message) = error_of([&] { open_run(folder / "photos", resume); });
    EXPECT_EQ(code, 2);
    EXPECT_NE(message.find("cat.jpg"), std::string::npos) << message;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "photos"), {}), 1);  // and nothing of ours, the lock included
  std::tie(code, message) = error_of([&] { open_run(folder / "photos/cat.jpg", Resume::kAuto); });
  EXPECT_EQ(code, 2);
}

TEST(RunDir, AutoStartsBesideTheJobsOwnLog) {
  const testing::TempFolder folder;
  folder.write("run/slurm-123.out", "");
  EXPECT_EQ(error_of([&] { open_run(folder / "run", Resume::kNever); }).first, 2);
  EXPECT_FALSE(open_run(folder / "run", Resume::kAuto).is_continued());
}

TEST(RunDir, MustNeedsAnEarlierStart) {
  const testing::TempFolder folder;
  EXPECT_EQ(error_of([&] { open_run(folder / "run", Resume::kMust); }).first, 2);
  EXPECT_FALSE(fs::exists(folder / "run"));
  { const RunDir run = open_run(folder / "run", Resume::kAuto); }
  EXPECT_TRUE(open_run(folder / "run", Resume::kMust).is_continued());
  EXPECT_EQ(parse_json(read_text(folder / "run/provenance.json"), "provenance")["starts"].size(), 2u);
}

TEST(RunDir, DoneIsLeftAlone) {
  const testing::TempFolder folder;
  open_run(folder / "run", Resume::kAuto).finish();
  const std::string before = read_text(folder / "run/provenance.json");
  const RunDir run = open_run(folder / "run", Resume::kAuto);
  EXPECT_TRUE(run.is_done());
  EXPECT_EQ(read_text(folder / "run/provenance.json"), before);
  EXPECT_FALSE(fs::exists(folder / "run/.lock"));
  EXPECT_EQ(error_of([&] { open_run(folder / "run", Resume::kNever); }).first, 2);
}

TEST(RunDir, ChangedRecipeIsListedExecutionMayChange) {
  const testing::TempFolder folder;
  { const RunDir run = open_run(folder / "run", Resume::kAuto); }
  Recipe other;
  other.mask_ratio = 0.5;
  other.num_workers = 7;
  const auto [code, message] = error_of([&] { open_run(folder / "run", Resume::kAuto, other); });
  EXPECT_EQ(code, 2);
  EXPECT_NE(message.find("mask_ratio: 0.75 -> 0.5"), std::string::npos) << message;
  EXPECT_EQ(message.find("num_workers"), std::string::npos) << message;
  EXPECT_EQ(parse_json(read_text(folder / "run/config.json"), "config")["num_workers"], 2);  // a refused start changes nothing
  other.mask_ratio = 0.75;
  const RunDir run = open_run(folder / "run", Resume::kAuto, other);
  EXPECT_EQ(parse_json(read_text(run / "config.json"), "config")["num_workers"], 7);
}

TEST(RunDir, OptionsOfALaterVersionTakeTheirDefaults) {
  const testing::TempFolder folder;
  { const RunDir run = open_run(folder / "run", Resume::kAuto); }
  folder.write("run/config.json", R"({"num_workers": 2, "gone_since": 1})");  // as a version without mask_ratio wrote it
  Recipe other;
  other.mask_ratio = 0.5;
  const auto [code, message] = error_of([&] { open_run(folder / "run", Resume::kAuto, other); });
  EXPECT_EQ(code, 2);
  EXPECT_NE(message.find("mask_ratio: (not set) -> 0.5"), std::string::npos) << message;
  const RunDir run = open_run(folder / "run", Resume::kMust);
  EXPECT_TRUE(run.is_continued());
  EXPECT_NE(read_text(run / "log.txt").find("without mask_ratio"), std::string::npos);
  EXPECT_EQ(parse_json(read_text(run / "config.json"), "config")["mask_ratio"], 0.75);
  folder.write("other/config.json", "[1]");
  EXPECT_EQ(error_of([&] { open_run(folder / "other", Resume::kAuto); }).first, 2);
}

TEST(RunDir, AncestryIsFoundFromTheProduct) {
  const testing::TempFolder folder;
  {
    const RunDir run = open_run(folder / "run", Resume::kAuto);
    Ancestry ancestry;
    ancestry.add({{"p2", "", "p1", "p2"}, {"ff", "aa"}, {{"north", {"2", "1"}}}});
    ancestry.add({{}, {}, {{"north", {"3", "1"}}}});
    run.set_ancestry(ancestry);
    run.describe_start({{"device", "cuda:0 NVIDIA H200"}});
  }
  { const RunDir again = open_run(folder / "run", Resume::kAuto); }  // a further start keeps it
  folder.write("run/generator/unet/weights.safetensors", "");
  for (const char* product : {"run", "run/best.safetensors", "run/generator", "run/generator/unet/weights.safetensors"}) {
    const Ancestry found = read_ancestry(folder / product);
    EXPECT_EQ(found.patients, (std::vector<std::string>{"p1", "p2"})) << product;
    EXPECT_EQ(found.image_hashes, (std::vector<std::string>{"aa", "ff"})) << product;
    EXPECT_EQ(found.patients_of, (std::map<std::string, std::vector<std::string>>{{"north", {"1", "2", "3"}}})) << product;
  }
  EXPECT_TRUE(read_ancestry(folder / "elsewhere.safetensors").patients.empty());
  EXPECT_EQ(parse_json(read_text(folder / "run/provenance.json"), "")["starts"][0]["device"], "cuda:0 NVIDIA H200");
  folder.write("bad/provenance.json", R"({"starts": [], "ancestry": {"patients": [3]}})");
  EXPECT_EQ(error_of([&] { read_ancestry(folder / "bad"); }).first, 2);
}

/// Runs `body` in a child process; its exit code is the Error's, and 100 when the message lacks `expected`.
int exit_code_of_child(const std::function<void()>& body, const std::string& expected) {
  const pid_t child = fork();
  if (child == 0) {
    log::set_level("off");
    const auto [code, message] = error_of(body);
    const bool one_line = message.find('\n') == std::string::npos;
    _exit(message.find(expected) != std::string::npos && one_line ? code : 100);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

TEST(RunDir, ReadOnlyFolderIsOneError) {
  const testing::TempFolder folder;
  fs::create_directories(folder / "run");
  fs::permissions(folder / "run", fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  const auto attempt = [&](const std::string& name, const std::string& expected) {
    return exit_code_of_child([&] {
      if (geteuid() == 0 && seteuid(65534) != 0) fail("cannot become an ordinary user");
      open_run(folder / name, Resume::kAuto);
    }, expected);
  };
  EXPECT_EQ(attempt("run", "Permission denied"), 1);
  EXPECT_EQ(attempt("run/below", "Permission denied"), 1);
  EXPECT_TRUE(fs::is_empty(folder / "run"));
}

TEST(RunDir, FullDiskLeavesNothingHalfWritten) {
  const testing::TempFolder folder;
  const auto attempt = [&](rlim_t most_bytes) {
    return exit_code_of_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{most_bytes, most_bytes};  // stands for a disk with so much room in each file
      setrlimit(RLIMIT_FSIZE, &limit);
      open_run(folder / "run", Resume::kAuto);
    }, "cannot write");
  };
  EXPECT_EQ(attempt(10), 1);    // the lock's record does not fit
  EXPECT_EQ(attempt(400), 1);   // provenance.json does not
  EXPECT_TRUE(fs::is_empty(folder / "run"));
  EXPECT_FALSE(open_run(folder / "run", Resume::kNever).is_continued());
}

}  // namespace
}  // namespace defound
