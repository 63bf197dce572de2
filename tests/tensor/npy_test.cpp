#include "defound/tensor/npy.h"

#include <gtest/gtest.h>

#include "defound/core/random.h"
#include "defound/tensor/npy_header.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;

const fs::path kArrays = fs::path(DEFOUND_GOLDENS) / "npy";
const std::vector<std::pair<std::string, torch::Dtype>> kTypes = {
    {"f2", torch::kFloat16}, {"f4", torch::kFloat32}, {"f8", torch::kFloat64}, {"i1", torch::kInt8}, {"i2", torch::kInt16},
    {"i4", torch::kInt32},   {"i8", torch::kInt64},   {"u1", torch::kUInt8},   {"b1", torch::kBool}};

/// What scripts/goldens/npy.py puts into every array.
torch::Tensor counting(const std::vector<int64_t>& shape, torch::Dtype type) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  const torch::Tensor values = torch::arange(count).reshape(shape);
  return type == torch::kBool ? values.remainder(2).to(type) : values.to(type);
}

std::string npy_bytes(const std::string& header, const std::string& data, char version = 1) {
  const auto size = static_cast<uint32_t>(header.size());
  const std::string length(reinterpret_cast<const char*>(&size), version == 1 ? 2 : 4);
  return std::string("\x93NUMPY") + version + '\0' + length + header + data;
}

TEST(Npy, ReadsWhatNumpyWritesInEveryTypeAndWritesTheSameBytes) {
  const TempFolder folder;
  for (const auto& [name, type] : kTypes) {
    SCOPED_TRACE(name);
    const fs::path file = kArrays / ("matrix_" + name + ".npy");
    const torch::Tensor array = load_npy(file);
    EXPECT_EQ(array.scalar_type(), type);
    EXPECT_TRUE(torch::equal(array, counting({3, 5}, type)));
    save_npy(folder / "ours.npy", array);
    EXPECT_EQ(read_text(folder / "ours.npy"), read_text(file));
  }
}

TEST(Npy, ReadsEveryShapeOrderAndVersion) {
  const TempFolder folder;
  const std::vector<std::pair<std::string, std::vector<int64_t>>> shapes = {{"matrix", {3, 5}}, {"number", {}}, {"vector", {7}}, {"empty", {0, 4}}, {"cube", {2, 3, 4}}};
  for (const auto& [name, shape] : shapes) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(torch::equal(load_npy(kArrays / (name + "_c.npy")), counting(shape, torch::kFloat32)));
    save_npy(folder / "ours.npy", counting(shape, torch::kFloat32));
    EXPECT_EQ(read_text(folder / "ours.npy"), read_text(kArrays / (name + "_c.npy")));
  }
  EXPECT_TRUE(torch::equal(load_npy(kArrays / "matrix_fortran.npy"), counting({3, 5}, torch::kFloat32)));
  EXPECT_TRUE(torch::equal(load_npy(kArrays / "cube_fortran.npy"), counting({2, 3, 4}, torch::kFloat32)));
  EXPECT_TRUE(torch::equal(load_npy(kArrays / "cube_version2.npy"), counting({2, 3, 4}, torch::kFloat32)));
  EXPECT_TRUE(torch::equal(load_npy(kArrays / "cube_version3.npy"), counting({2, 3, 4}, torch::kFloat32)));
}

TEST(Npy, WritesViewsAsTheyAreSeen) {
  const TempFolder folder;
  const torch::Tensor whole = counting({4, 6}, torch::kInt64);
  save_npy(folder / "view.npy", whole.t().slice(0, 1, 5, 2));
  EXPECT_TRUE(torch::equal(load_npy(folder / "view.npy"), whole.t().slice(0, 1, 5, 2)));
  expect_error(ExitCode::kFailed, "numpy has no type", [&] { save_npy(folder / "b.npy", torch::ones({2}, torch::kBFloat16)); });
  expect_error(ExitCode::kFailed, "missing", [&] { save_npy(folder / "missing" / "a.npy", torch::ones({2})); });
}

TEST(Npy, HostileFilesAreRejectedByName) {
  const TempFolder folder;
  const std::string eight(8, '\0');
  const auto header = [](const std::string& descr, const std::string& shape) { return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }\n"; };
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"empty", "", "no .npy file"},
      {"other magic", "\x93NUMPI\x01" + eight, "no .npy file"},
      {"version 4", npy_bytes(header("'<f4'", "(2,)"), eight, 4), "version 4.0"},
      {"header past the end", npy_bytes(header("'<f4'", "(2,)"), eight).substr(0, 40), "cut off in its header"},
      {"data cut off", npy_bytes(header("'<f4'", "(3,)"), eight), "cut off"},
      {"bytes left over", npy_bytes(header("'<f4'", "(1,)"), eight), "no single array"},
      {"objects", npy_bytes(header("'|O'", "(1,)"), eight), "'|O'"},
      {"records", npy_bytes(header("[('a', '<f4'), ('b', '<f4')]", "(1,)"), eight), "records"},
      {"texts", npy_bytes(header("'<U2'", "(1,)"), eight), "'<U2'"},
      {"complex", npy_bytes(header("'<c8'", "(1,)"), eight), "'<c8'"},
      {"big-endian", npy_bytes(header("'>f4'", "(2,)"), eight), "big-endian"},
      {"a call", npy_bytes(header("__import__('os').system('true')", "(2,)"), eight), "a quoted text"},
      {"negative size", npy_bytes(header("'<f4'", "(-2,)"), eight), "a size"},
      {"product overflows", npy_bytes(header("'<f4'", "(4294967296, 4294967296, 4)"), eight), "too large"},
      {"zero hides overflow", npy_bytes(header("'<f4'", "(0, 9223372036854775807, 9223372036854775807)"), ""), "too large"},
      {"size above 64 bits", npy_bytes(header("'<f4'", "(99999999999999999999,)"), eight), "a size"},
      {"no tuple", npy_bytes(header("'<f4'", "(2)"), eight), "a tuple"},
      {"two commas", npy_bytes(header("'<f4'", "(2,,)"), eight), "a size"},
      {"key twice", npy_bytes("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", eight), "'descr' twice"},
      {"unknown key", npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", eight), "'more'"},
      {"missing key", npy_bytes("{'descr': '<f4', 'shape': (2,)}", eight), "must name"},
      {"more behind", npy_bytes(header("'<f4'", "(2,)") + "()", eight), "nothing more"},
      {"order is a number", npy_bytes("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", eight), "True or False"},
      {"bool of 2", npy_bytes(header("'|b1'", "(1,)"), "\x02"), "bool"},
  };
  for (const auto& [name, bytes, part] : cases) {
    SCOPED_TRACE(name);
    const auto path = folder.write("hostile.npy", bytes);
    expect_error(ExitCode::kUsage, part, [&] { load_npy(path); });
    expect_error(ExitCode::kUsage, "hostile.npy", [&] { load_npy(path); });
  }
  expect_error(ExitCode::kUsage, "does not exist", [&] { load_npy(folder / "none.npy"); });
  expect_error(ExitCode::kUsage, "not a file", [&] { load_npy(folder.path()); });
}

TEST(Npy, ChangedBytesLoadOrAreRejectedButNeverCrash) {
  const std::string good = read_text(kArrays / "cube_fortran.npy");
  RandomStream random = Draws(1, "changed npy").stream(0);
  int rejected = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (int changes = 0; changes < 2; ++changes) bytes[random.below(80)] = static_cast<char>(random.bits());
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    try {
      const NpyHeader header = parse_npy_header(bytes, bytes.size(), "changed.npy");
      ASSERT_EQ(header.data_begin + header.data_bytes, bytes.size());
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ExitCode::kUsage) << error.what();
      ++rejected;
    }
  }
  EXPECT_GT(rejected, 10000);
}

}  // namespace
}  // namespace defound
