#include "defound/tensor/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <tuple>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "defound/core/random.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;

std::string file_bytes(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header + data;
}

TEST(Safetensors, KeepsEveryTypeBitForBit) {
  const TempFolder folder;
  TensorMap tensors;
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16, torch::kInt64, torch::kInt32, torch::kInt16, torch::kInt8,
                          torch::kUInt8, torch::kUInt16, torch::kUInt32, torch::kUInt64, torch::kBool, torch::kComplexFloat, torch::kFloat8_e4m3fn})
    tensors[std::string("of.") + c10::toString(type)] = torch::arange(6).reshape({2, 3}).remainder(2).to(type);
  tensors["scalar"] = torch::tensor(2.5);
  tensors["empty"] = torch::zeros({0, 4});
  tensors["transposed"] = torch::arange(6.0).reshape({2, 3}).t();
  tensors["\"quoted\" \xC3\xA9"] = torch::tensor({1, 2});
  save_safetensors(folder / "all.safetensors", tensors, {{"format", "pt"}});
  const Safetensors read = load_safetensors(folder / "all.safetensors");
  EXPECT_EQ(read.metadata.at("format"), "pt");
  ASSERT_EQ(read.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor& found = read.tensors.at(name);
    EXPECT_EQ(found.scalar_type(), tensor.scalar_type()) << name;
    ASSERT_EQ(found.sizes(), tensor.sizes()) << name;
    const torch::Tensor dense = tensor.contiguous();
    EXPECT_EQ(std::memcmp(found.data_ptr(), dense.data_ptr(), dense.nbytes()), 0) << name;
  }
}

TEST(Safetensors, TensorsAreViewsThatOutliveTheFileAndNeverChangeIt) {
  const TempFolder folder;
  save_safetensors(folder / "a.safetensors", {{"a", torch::ones({4})}});
  const torch::Tensor first = load_safetensors(folder / "a.safetensors").tensors.at("a");
  first.fill_(7);
  const torch::Tensor second = load_safetensors(folder / "a.safetensors").tensors.at("a");
  EXPECT_TRUE(second.equal(torch::ones({4})));
  save_safetensors(folder / "a.safetensors", {{"a", torch::zeros({4})}});
  fs::remove(folder / "a.safetensors");
  EXPECT_TRUE(second.equal(torch::ones({4})));
  EXPECT_TRUE(first.equal(torch::full({4}, 7.0)));
}

TEST(Safetensors, ReadsTensorsThatDoNotStandOnTheirSize) {
  const TempFolder folder;
  const std::string numbers("\x01\x00\x00\x80\x3f\x00\x00\x00\x40", 9);
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  const auto path = folder.write("odd.safetensors", file_bytes(header, numbers));
  EXPECT_TRUE(load_safetensors(path).tensors.at("b").equal(torch::tensor({1.0F, 2.0F})));
}

TEST(Safetensors, SameTensorsGiveTheSameFileWithTheWidestTypeFirst) {
  const TempFolder folder;
  const TensorMap tensors = {{"a", torch::tensor({true})}, {"b", torch::ones({3}, torch::kFloat64)}, {"c", torch::ones({2}, torch::kBFloat16)}};
  save_safetensors(folder / "1.safetensors", tensors);
  save_safetensors(folder / "2.safetensors", tensors);
  const std::string bytes = read_text(folder / "1.safetensors");
  EXPECT_EQ(bytes, read_text(folder / "2.safetensors"));
  EXPECT_NE(bytes.find("\"data_offsets\":[0,24]"), std::string::npos);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  EXPECT_EQ(header_bytes % 8, 0u);
}

TEST(Safetensors, RejectsHostileFiles) {
  const TempFolder folder;
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data(8, '\0');
  const auto tensor = [](const std::string& body) { return "{\"a\":{" + body + "}}"; };
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"empty", "", "too few"},
      {"short", "abc", "too few"},
      {"header size past the end", std::string("\xff\xff\0\0\0\0\0\0{}", 10), "does not fit"},
      {"header size overflows", std::string(8, '\xff') + good, "does not fit"},
      {"no object", file_bytes("[1]", ""), "does not begin"},
      {"no JSON", file_bytes("{\"a\":", ""), ""},
      {"doubled tensor", file_bytes(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data), "a"},
      {"deep", file_bytes("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", ""), ""},
      {"cut data", file_bytes(good, data.substr(1)), "outside"},
      {"surplus data", file_bytes(good, data + "x"), "belong to no tensor"},
      {"gap", file_bytes(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), data), "belong to no tensor"},
      {"overlap", file_bytes(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", data), "overlaps"},
      {"reversed offsets", file_bytes(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), data), "outside"},
      {"negative offset", file_bytes(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), data), "whole numbers"},
      {"fractional offset", file_bytes(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8.0])"), data), "whole numbers"},
      {"shape and size differ", file_bytes(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), data), "need 12 bytes"},
      {"negative shape", file_bytes(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), data), "shape"},
      {"product overflows", file_bytes(tensor(R"("dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0])"), ""), "too large"},
      {"zero hides overflow", file_bytes(tensor(R"("dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0])"), ""), "too large"},
      {"unknown type", file_bytes(tensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), data), "F31"},
      {"type is a number", file_bytes(tensor(R"("dtype":7,"shape":[2],"data_offsets":[0,8])"), data), "dtype"},
      {"missing key", file_bytes(tensor(R"("dtype":"F32","shape":[2])"), data), "data_offsets"},
      {"not an object", file_bytes(R"({"a":7})", ""), "needs"},
      {"metadata of numbers", file_bytes(R"({"__metadata__":{"a":1}})", ""), "must be a text"},
      {"bool of 2", file_bytes(tensor(R"("dtype":"BOOL","shape":[1],"data_offsets":[0,1])"), "\x02"), "BOOL"},
  };
  for (const auto& [name, bytes, part] : cases) {
    SCOPED_TRACE(name);
    const auto path = folder.write("hostile.safetensors", bytes);
    expect_error(ExitCode::kUsage, part, [&] { load_safetensors(path); });
    expect_error(ExitCode::kUsage, "hostile.safetensors", [&] { load_safetensors(path); });
  }
  expect_error(ExitCode::kUsage, "does not exist", [&] { load_safetensors(folder / "none.safetensors"); });
  expect_error(ExitCode::kUsage, "not a file", [&] { load_safetensors(folder.path()); });
}

TEST(Safetensors, ChangedBytesLoadOrAreRejectedButNeverCrash) {
  const TempFolder folder;
  save_safetensors(folder / "good.safetensors", {{"a", torch::ones({2, 2})}, {"b", torch::ones({3}, torch::kBFloat16)}, {"c", torch::tensor({true})}}, {{"k", "v"}});
  const std::string good = read_text(folder / "good.safetensors");
  RandomStream random = Draws(1, "fuzz").stream(0);
  int rejected = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = good;
    for (int changes = 0; changes < 2; ++changes) bytes[random.below(bytes.size())] = static_cast<char>(random.bits());
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    const auto path = folder.write("changed.safetensors", bytes);
    try {
      load_safetensors(path);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ExitCode::kUsage) << error.what();
      ++rejected;
    }
  }
  EXPECT_GT(rejected, 300);
}

TEST(Safetensors, FailedWriteLeavesNothingBehind) {
  const TempFolder folder;
  expect_error(ExitCode::kFailed, "missing", [&] { save_safetensors(folder / "missing" / "a.safetensors", {{"a", torch::ones({2})}}); });
  expect_error(ExitCode::kFailed, "type", [&] { save_safetensors(folder / "a.safetensors", {{"a", torch::ones({2}, torch::kComplexDouble)}}); });
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace defound
