#include <gtest/gtest.h>

#include <map>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/image/image_io.h"
#include "defound/tasks/phantom.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::TempFolder;

PhantomConfig small(const std::string& modality, const fs::path& output) {
  PhantomConfig config;
  config.modality = modality;
  config.count = 14;
  config.size = 48;
  config.seed = 6;
  config.threads = 1;
  config.log_level = "error";
  config.output = output.string();
  return config;
}

std::map<std::string, std::string> hashes(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) all[fs::relative(entry.path(), folder).string()] = sha256_file(entry.path());
  }
  return all;
}

TEST(PhantomFolder, SameSeedSameBytesForAnyThreads) {
  const TempFolder folder;
  for (const std::string modality : {"fundus", "cxr"}) {
    PhantomConfig one = small(modality, folder / (modality + "1")), three = small(modality, folder / (modality + "3"));
    three.threads = 3;
    make_phantoms(one);
    make_phantoms(three);
    const auto first = hashes(one.output);
    EXPECT_EQ(first.size(), 15u);  // 14 images and the manifest
    EXPECT_EQ(first, hashes(three.output));
    PhantomConfig other = small(modality, folder / (modality + "x"));
    other.seed = 7;
    make_phantoms(other);
    for (const auto& [name, hash] : hashes(other.output)) {
      if (first.contains(name)) { EXPECT_NE(hash, first.at(name)) << name; }
    }
  }
}

TEST(PhantomFolder, HoldsWhatTheManifestSays) {
  const TempFolder folder;
  PhantomConfig config = small("cxr", folder / "set/inner/");  // made with its parents; a slash at the end is fine
  config.image_format = "jpg";
  make_phantoms(config);
  const std::string manifest = read_text(folder / "set/inner/manifest.csv");
  EXPECT_EQ(manifest.substr(0, 26), "path,label,patient,split\r\n");
  size_t rows = 0;
  for (const auto& [name, hash] : hashes(config.output)) {
    if (name == "manifest.csv") continue;
    ++rows;
    EXPECT_NE(manifest.find("\n" + name + "," + fs::path(name).parent_path().string() + ",cxr-"), std::string::npos) << name;
    const Image image = read_image(fs::path(config.output) / name);
    EXPECT_EQ(image.width, 48);
    EXPECT_EQ(image.height, 48);
  }
  EXPECT_EQ(rows, 14u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "set"), fs::directory_iterator{}), 1);  // no temporary folder stays
}

TEST(PhantomFolder, FullFolderIsRefusedAndKept) {
  const TempFolder folder;
  folder.write("set/mine.txt", "keep");
  PhantomConfig config = small("fundus", folder / "set");
  try {
    make_phantoms(config);
    FAIL() << "a folder in use was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("not empty"), std::string::npos);
  }
  EXPECT_EQ(hashes(folder / "set").size(), 1u);
  fs::create_directories(folder / "empty");
  config.output = (folder / "empty").string();
  make_phantoms(config);
  EXPECT_EQ(hashes(folder / "empty").size(), 15u);
}

TEST(PhantomFolder, DryRunWritesNothing) {
  const TempFolder folder;
  PhantomConfig config = small("fundus", folder / "set");
  config.dry_run = true;
  make_phantoms(config);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(PhantomFolder, WrongOptionsAreRejectedBeforeAnythingIsWritten) {
  const TempFolder folder;
  const auto code = [&](auto change) {
    PhantomConfig config = small("fundus", folder / "set");
    change(config);
    try {
      make_phantoms(config);
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::kDone;
  };
  EXPECT_EQ(code([](PhantomConfig& c) { c.modality = "mri"; }), ExitCode::kUsage);
  EXPECT_EQ(code([](PhantomConfig& c) { c.labels = {"pneumonia"}; }), ExitCode::kUsage);
  EXPECT_EQ(code([](PhantomConfig& c) { c.size = 4; }), ExitCode::kUsage);
  EXPECT_EQ(code([](PhantomConfig& c) { c.output = ""; }), ExitCode::kUsage);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace defound
