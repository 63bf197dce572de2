#include "defound/tensor/pth.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <tuple>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "../support/zip_bytes.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::zip_bytes;
using testing::ZipPart;

fs::path pth_golden(const std::string& name) { return fs::path(DEFOUND_GOLDENS) / "pth" / name; }

TensorMap all_tensors(const fs::path& path) {
  const PthFile file = PthFile::open(path);
  TensorMap tensors;
  for (size_t i = 0; i < file.root().size(); ++i) tensors[std::string(file.root().pair(i).first.text())] = file.tensor(file.root().pair(i).second);
  return tensors;
}

void expect_same_bits(const TensorMap& found, const TensorMap& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    const torch::Tensor a = found.at(name).contiguous(), b = tensor.contiguous();
    EXPECT_EQ(a.scalar_type(), b.scalar_type()) << name;
    ASSERT_EQ(a.sizes(), b.sizes()) << name;
    EXPECT_EQ(std::memcmp(a.data_ptr(), b.data_ptr(), b.nbytes()), 0) << name;
  }
}

TEST(Pth, GivesPythonsTensorsBitForBit) {
  for (const std::string name : {"bare", "types", "views", "parameters"}) {
    SCOPED_TRACE(name);
    expect_same_bits(all_tensors(pth_golden(name + ".pth")), load_safetensors(pth_golden(name + ".safetensors")).tensors);
  }
}

TEST(Pth, KeepsStridesAndSharedStorages) {
  const TensorMap views = all_tensors(pth_golden("views.pth"));
  EXPECT_EQ(views.at("transposed").strides(), torch::IntArrayRef({1, 6}));
  EXPECT_EQ(views.at("expanded").strides(), torch::IntArrayRef({0, 1}));
  EXPECT_EQ(views.at("one").dim(), 0);
  EXPECT_TRUE(views.at("whole").is_alias_of(views.at("rows")));
  EXPECT_FALSE(views.at("whole").is_alias_of(views.at("permuted")));
  views.at("whole").fill_(7);
  EXPECT_TRUE(views.at("rows").eq(7).all().item<bool>());
  EXPECT_EQ(all_tensors(pth_golden("views.pth")).at("whole")[0][1].item<float>(), 1);  // the file is as it was
}

TEST(Pth, TensorsOutliveTheReader) {
  const TempFolder folder;
  fs::copy_file(pth_golden("views.pth"), folder / "a.pth");
  const torch::Tensor whole = all_tensors(folder / "a.pth").at("whole");
  fs::remove(folder / "a.pth");
  EXPECT_TRUE(whole.equal(torch::arange(24, torch::kFloat32).reshape({4, 6})));
}

TEST(Pth, WhatIsWrittenIsReadTheSame) {
  const TempFolder folder;
  for (const std::string name : {"types", "views", "bare"}) {
    SCOPED_TRACE(name);
    const TensorMap tensors = all_tensors(pth_golden(name + ".pth"));
    save_pth(folder / (name + ".pth"), tensors);
    const PthFile file = PthFile::open(folder / (name + ".pth"));
    const PickleValue model = file.root().find("model").value();
    TensorMap again;
    for (size_t i = 0; i < model.size(); ++i) again[std::string(model.pair(i).first.text())] = file.tensor(model.pair(i).second);
    expect_same_bits(again, tensors);
    // For scripts/goldens/check_pth.py, which reads these files in Python.
    if (const char* kept = std::getenv("DEFOUND_INTERCHANGE")) {
      fs::copy_file(folder / (name + ".pth"), fs::path(kept) / (name + ".pth"), fs::copy_options::overwrite_existing);
      save_safetensors(fs::path(kept) / (name + ".safetensors"), tensors);
    }
  }
}

TEST(Pth, TiedTensorsAreStoredOnce) {
  const TempFolder folder;
  const torch::Tensor large = torch::randn({100, 100});
  save_pth(folder / "tied.pth", {{"a", large}, {"b", large}, {"c", large.t()}});
  EXPECT_LT(fs::file_size(folder / "tied.pth"), 2 * large.nbytes() + 4000);
  save_pth(folder / "empty.pth", {});
  EXPECT_EQ(PthFile::open(folder / "empty.pth").root().find("model")->size(), 0u);
}

TEST(Pth, FailedWriteLeavesNothingBehind) {
  const TempFolder folder;
  expect_error(ExitCode::kFailed, "missing", [&] { save_pth(folder / "missing" / "a.pth", {{"a", torch::ones({2})}}); });
  expect_error(ExitCode::kFailed, "tensor 'a' has the type", [&] { save_pth(folder / "a.pth", {{"a", torch::empty({2}, torch::kComplexHalf)}}); });
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Pth, OtherContainersAreNamedWithTheWayOut) {
  const TempFolder folder;
  const auto rejects = [](const fs::path& path, const std::string& part) { expect_error(ExitCode::kUsage, part, [&] { PthFile::open(path); }); };
  rejects(pth_golden("legacy.pth"), "before PyTorch 1.6 (a bare pickle), which is not read. Convert it");
  rejects(pth_golden("legacy.pth"), "torch.save(torch.load('" + pth_golden("legacy.pth").string());
  rejects(pth_golden("legacy_tar.pth"), "before PyTorch 1.6 (a tar archive)");
  rejects(pth_golden("script.pt"), "TorchScript");
  rejects(pth_golden("values-2.pkl"), "bare pickle");
  rejects(pth_golden("types.safetensors"), "no zip archive");
  rejects(folder.write("empty.pth", ""), "no zip archive");
  rejects(folder / "none.pth", "does not exist");
  rejects(folder.path(), "is not a file");
}

/// An archive of torch.save with a pickle of one float tensor of 4 elements, and what is put in the place of its records.
std::vector<ZipPart> archive() {
  using namespace std::string_literals;
  const std::string pickle = "\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\nU\1" "0U\3cpuK\4tQK\0K\4\x85K\1\x85\x89}tR."s;
  return {{"a/data.pkl", pickle}, {"a/byteorder", "little"}, {"a/data/0", std::string(16, '\0')}, {"a/version", "3\n"}};
}

TEST(Pth, HostileArchivesAreRejected) {
  const TempFolder folder;
  const auto rejects = [&](const std::string& part, const std::function<void(std::vector<ZipPart>&)>& change) {
    std::vector<ZipPart> parts = archive();
    change(parts);
    const fs::path path = folder.write("hostile.pth", zip_bytes(parts));
    expect_error(ExitCode::kUsage, part, [&] {
      const PthFile file = PthFile::open(path);
      file.tensor(file.root());
    });
    expect_error(ExitCode::kUsage, "hostile.pth", [&] {
      const PthFile file = PthFile::open(path);
      file.tensor(file.root());
    });
  };
  const fs::path good = folder.write("good.pth", zip_bytes(archive()));
  EXPECT_TRUE(PthFile::open(good).tensor(PthFile::open(good).root()).equal(torch::zeros({4})));
  rejects("'a/data/0' is compressed (method 8)", [](auto& parts) { parts[2].method = 8; });
  rejects("is compressed", [](auto& parts) { parts[2].method = 8, parts[2].size = 0xFFFFFFF0, parts[2].packed = 16; });
  rejects("encrypted", [](auto& parts) { parts[2].flags = 1; });
  rejects("reaches outside the file", [](auto& parts) { parts[2].size = 1 << 30; });
  rejects("zip64", [](auto& parts) { parts[2].size = 0xFFFFFFFF; });
  rejects("overlap", [](auto& parts) { parts[2].size = 40; });
  rejects("is not where the zip directory says", [](auto& parts) { parts[2].header = 1 << 30; });
  rejects("disagree", [](auto& parts) { parts[2].header = 0; });
  rejects("disagree", [](auto& parts) { parts[2].local_name = "a/data/1"; });
  rejects("leads out of the archive", [](auto& parts) { parts[3].name = "a/../../etc/passwd"; });
  rejects("leads out of the archive", [](auto& parts) { parts[3].name = "/etc/passwd"; });
  rejects("leads out of the archive", [](auto& parts) { parts[3].name = "a\\b"; });
  rejects("stands twice", [](auto& parts) { parts[3].name = "a/data/0"; });
  rejects("'a/data/0' of a tensor is missing", [](auto& parts) { parts.erase(parts.begin() + 2); });
  rejects("has 12 bytes, its tensor needs 16", [](auto& parts) { parts[2].content.resize(12); });
  rejects("the checksum of the record 'a/data/0'", [](auto& parts) { parts[2].checksum = 7; });
  rejects("the checksum of the record 'a/data.pkl'", [](auto& parts) { parts[0].checksum = 7; });
  rejects("byte order 'big'", [](auto& parts) { parts[1].content = "big"; });
  rejects("without data.pkl", [](auto& parts) { parts.erase(parts.begin()); });
  rejects("posix.system is no plain tensor", [](auto& parts) { parts[0].content = "\x80\x02" "cposix\nsystem\nU\4true\x85R."; });
}

TEST(Pth, BoolsOtherThanZeroAndOneAreRejected) {
  const TempFolder folder;
  std::vector<ZipPart> parts = archive();
  const size_t at = parts[0].content.find("FloatStorage");
  parts[0].content.replace(at, 12, "BoolStorage");
  parts[2].content = std::string("\0\1\2\0", 4);
  const PthFile file = PthFile::open(folder.write("bools.pth", zip_bytes(parts)));
  expect_error(ExitCode::kUsage, "BOOL other than 0 and 1", [&] { file.tensor(file.root()); });
}

}  // namespace
}  // namespace defound
