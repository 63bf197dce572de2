#include "defound/core/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "defound/core/error.h"
#include "support/ordinary_user.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

TEST(WriteAtomic, ReplacesTheWholeFileAndLeavesNothingElse) {
  const testing::TempFolder folder;
  write_atomic(folder / "a.txt", "first");
  write_atomic(folder / "a.txt", "second");
  EXPECT_EQ(read_text(folder / "a.txt"), "second");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(WriteAtomic, AFullDiskKeepsTheOldFile) {
  const testing::TempFolder folder;
  write_atomic(folder / "a.txt", "old");
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);  // writing past the limit is then an error, as on a full disk
  rlimit before{}, small{1000, 0};
  getrlimit(RLIMIT_FSIZE, &before);
  small.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_atomic(folder / "a.txt", std::string(100000, 'x'));
  } catch (const Error& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous);
  EXPECT_NE(message.find("a.txt"), std::string::npos);
  EXPECT_EQ(read_text(folder / "a.txt"), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(PublishFiles, AllOrTheFirstOfThemHaveTheirNamesAndNothingElseIsLeft) {
  const testing::TempFolder folder;
  fs::create_directories(folder / "a"), fs::create_directories(folder / "b");
  publish_files({});
  const std::vector<NewFile> files{{folder / "a/1.png", "one"}, {folder / "b/2.png", ""}, {folder / "a/3.png", "three"}};
  publish_files(files);
  for (const NewFile& file : files) EXPECT_EQ(read_text(file.path), file.content);
  const std::vector<NewFile> more{{folder / "a/4.png", "four"}, {folder / "none/5.png", "five"}};
  try {
    publish_files(more);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("none/5.png: No such file"), std::string::npos) << e.what();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "a"), fs::directory_iterator()), 2);
}

TEST(TemporaryPath, IsKnownAsTheFilesOwnAndNoOthers) {
  const std::string name = temporary_path("folder/ill_000002.png").filename().string();
  EXPECT_EQ(temporary_path("folder/ill_000002.png").parent_path(), "folder");
  EXPECT_TRUE(name.starts_with("."));
  EXPECT_TRUE(is_temporary_of(name, "ill_000002.png"));
  for (const char* other : {"ill_000003.png", "ill_00000.png", "ill_000002.jpg", "ill_000002.png.png"})
    EXPECT_FALSE(is_temporary_of(name, other)) << other;
  for (const char* other : {".ill_000002.png", ".ill_000002.x.tmp.png", "ill_000002.12.tmp.png", ".ill_000002..tmp.png"})
    EXPECT_FALSE(is_temporary_of(other, "ill_000002.png")) << other;
}

TEST(Publish, AThrowingWriterLeavesNothing) {
  const testing::TempFolder folder;
  EXPECT_THROW(publish(folder / "b.bin", [](const fs::path& temporary) {
                 write_atomic(temporary, "half");
                 fail("no more");
               }), Error);
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(ReadText, NamesWhatIsMissing) {
  try {
    read_text("/nonexistent/config.json");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(e.what()).find("/nonexistent/config.json"), std::string::npos);
  }
}

TEST(ReadText, AFolderThatMayNotBeEnteredIsNotAMissingFile) {
  const testing::TempFolder folder;
  folder.write("locked/a.txt", "text");
  fs::permissions(folder / "locked", fs::perms::none);
  std::string message;
  try {
    const testing::OrdinaryUser user;
    read_text(folder / "locked/a.txt");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    message = e.what();
  }
  fs::permissions(folder / "locked", fs::perms::owner_all);
  EXPECT_NE(message.find("a.txt: Permission denied"), std::string::npos) << message;
}

TEST(MakeFolder, WhatIsAFileAlreadyIsTheUsersToChange) {
  const testing::TempFolder folder;
  folder.write("file", "text");
  for (const char* name : {"file", "file/below", "file/below/deeper"}) {
    try {
      make_folder(folder / name);
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kUsage) << e.what();
      EXPECT_NE(std::string(e.what()).find(name), std::string::npos);
    }
  }
  EXPECT_EQ(read_text(folder / "file"), "text");
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const testing::TempFolder folder;
  EXPECT_EQ(sha256_file(folder.write("f", std::string(200000, 'a'))), sha256(std::string(200000, 'a')));
}

TEST(Nearest, FindsATypoAndNothingElse) {
  EXPECT_EQ(nearest("mask_ration", {"mask_ratio", "epochs"}), "mask_ratio");
  EXPECT_EQ(nearest("zzzzzz", {"mask_ratio", "epochs"}), "");
}

}  // namespace
}  // namespace defound
