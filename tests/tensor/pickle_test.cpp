#include "defound/tensor/pickle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "../support/expect_error.h"
#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/core/random.h"

namespace defound {
namespace {

using testing::expect_error;
using namespace std::string_literals;

std::string golden_bytes(const std::string& name) { return read_text(fs::path(DEFOUND_GOLDENS) / "pth" / name); }

double element(const PickledArray& array, size_t index) {
  const size_t size = array.dtype.back() - '0';
  std::string raw(array.bytes.substr(index * size, size));
  if (array.dtype[0] == '>') std::reverse(raw.begin(), raw.end());
  if (array.dtype[1] == 'f') {
    double value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  int32_t value = 0;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

Json array_json(const PickledArray& array) {
  Json values = Json::array();
  const auto rows = static_cast<size_t>(array.sizes.at(0)), columns = static_cast<size_t>(array.sizes.at(1));
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) values.push_back(element(array, array.column_major ? j * rows + i : i * columns + j));
  return {{"dtype", array.dtype}, {"shape", array.sizes}, {"values", values}};
}

/// As scripts/goldens/pth.py writes values.json.
Json to_plain_json(const PickleValue& value, int depth = 0) {
  if (depth > 20) return "deep";  // a changed pickle may hold itself
  switch (value.kind()) {
    case PickleKind::kNone: return nullptr;
    case PickleKind::kBool: return value.as_bool();
    case PickleKind::kInt: return value.as_int();
    case PickleKind::kFloat: return value.as_float();
    case PickleKind::kText: return std::string(value.text());
    case PickleKind::kArray: return array_json(value.array());
    case PickleKind::kBytes: {
      Json bytes = Json::array();
      for (const char byte : value.text()) bytes.push_back(static_cast<unsigned char>(byte));
      return {{"bytes", bytes}};
    }
    case PickleKind::kDict: {
      Json object = Json::object();
      for (size_t i = 0; i < value.size(); ++i) object[std::string(value.pair(i).first.text())] = to_plain_json(value.pair(i).second, depth + 1);
      return object;
    }
    case PickleKind::kList: case PickleKind::kTuple: {
      Json list = Json::array();
      for (size_t i = 0; i < value.size(); ++i) list.push_back(to_plain_json(value[i], depth + 1));
      return list;
    }
    default: return "unexpected: " + std::string(value.text());
  }
}

TEST(Pickle, GivesPythonsValuesForEveryProtocol) {
  const Json expected = parse_json(golden_bytes("values.json"), "values.json");
  for (const int protocol : {2, 3, 4, 5}) {
    const std::string name = fmt::format("values-{}.pkl", protocol);
    const Pickle pickle = Pickle::parse(golden_bytes(name), name);
    const Json found = to_plain_json(pickle.root());
    for (const auto& [key, value] : expected.items()) EXPECT_EQ(found.value(key, Json("missing")), value) << name << " " << key;
    EXPECT_EQ(found.size(), expected.size());
  }
}

TEST(Pickle, RunsNothing) {
  const auto marker = fs::temp_directory_path() / "defound-pickle-was-run";
  const std::string command = "touch " + marker.string();
  const std::string bytes = "\x80\x02" "cposix\nsystem\nU"s + static_cast<char>(command.size()) + command + "\x85R.";
  const Pickle pickle = Pickle::parse(bytes, "evil.pkl");
  EXPECT_EQ(pickle.root().kind(), PickleKind::kObject);
  EXPECT_EQ(pickle.root().text(), "posix.system");
  EXPECT_EQ(pickle.root()[0][0].text(), command);
  EXPECT_FALSE(fs::exists(marker));
}

TEST(Pickle, LoopsAndDepthDoNoHarm) {
  const Pickle loop = Pickle::parse("\x80\x02]q\0h\0a."s, "loop.pkl");
  EXPECT_EQ(loop.root()[0][0][0].size(), 1u);
  const size_t depth = 1'000'000;
  EXPECT_EQ(Pickle::parse("\x80\x02" + std::string(depth, ']') + std::string(depth - 1, 'a') + ".", "deep.pkl").root().size(), 1u);
}

TEST(Pickle, WrongKindsAreNamed) {
  const Pickle pickle = Pickle::parse("\x80\x02]K\1a."s, "list.pkl");
  expect_error(ExitCode::kUsage, "list.pkl: a text was expected in the pickle, found a list", [&] { pickle.root().text(); });
  expect_error(ExitCode::kUsage, "a tensor was expected in the pickle, found an int", [&] { pickle.root()[0].tensor(); });
  expect_error(ExitCode::kUsage, "item 1", [&] { pickle.root()[1]; });
  expect_error(ExitCode::kUsage, "a dictionary", [&] { pickle.root().find("a"); });
}

/// (storage, offset, sizes, strides) of a float storage of 4.
std::string tensor_pickle(const std::string& offset, const std::string& sizes, const std::string& strides) {
  return "\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\nU\1" "0U\3cpuK\4tQ"s + offset + "(" + sizes + "t(" + strides + "t\x89}tR.";
}

TEST(Pickle, TensorsMustStayInsideTheirStorage) {
  const auto parse = [](const std::string& offset, const std::string& sizes, const std::string& strides) {
    return Pickle::parse(tensor_pickle(offset, sizes, strides), "t.pkl");
  };
  const std::string two = "K\2", one = "K\1", huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"s, zero = "K\0"s, million2 = "J\x01\0\x20\0"s;
  const Pickle good = parse(zero, two + two, two + one);
  EXPECT_EQ(good.root().tensor().storage_bytes, 16u);
  EXPECT_EQ(good.root().tensor().sizes, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(parse(zero, zero + huge, one + one).root().tensor().sizes[0], 0);
  for (const auto& [offset, sizes, strides] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {one, two + two, two + one}, {zero, two + huge, two + one}, {zero, huge + huge, huge + huge}, {huge, one, one}, {zero, two, huge},
           {zero, huge + huge, zero + zero}})
    expect_error(ExitCode::kUsage, "outside its storage", [&, offset = offset, sizes = sizes, strides = strides] { parse(offset, sizes, strides); });
  expect_error(ExitCode::kUsage, "repeats a storage", [&] { parse(zero, million2, zero); });
  expect_error(ExitCode::kUsage, "do not fit", [&] { parse(zero, two, two + one); });
  expect_error(ExitCode::kUsage, "sizes that are none", [&] { parse(zero, "J\xff\xff\xff\xff", one); });
  expect_error(ExitCode::kUsage, "where", [&] { parse("U\1a", two, one); });
}

TEST(Pickle, RejectsWhatIsNone) {
  const std::vector<std::tuple<std::string, std::string>> cases = {
      {"", "no pickle"}, {"\x80", "no pickle"}, {"(dp0\n.", "no pickle"}, {"\x80\x06N.", "no pickle"}, {"\x80\x02", "cut off"}, {"\x80\x02.", "missing on the stack"},
      {"\x80\x02NN.", "left on the stack"}, {"\x80\x02N.x", "1 bytes follow"}, {"\x80\x02X\xff\xff\xff\xff.", "cut off"},
      {"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "cut off"},
      {"\x80\x02h\7.", "never put"}, {"\x80\x02t.", "mark"}, {"\x80\x02I1\n.", "opcode 0x49"}, {"\x80\x02K\1K\1a.", "no list"},
      {"\x80\x02]K\1K\2s.", "no dictionary"}, {"\x80\x02}(K\1u.", "no value"}, {"\x80\x02U\1\xff.", "UTF-8"}, {"\x80\x02" "cabc.", "no end"}, {"\x80\x04N\x93.", ""},
      {"\x80\x04\x95\xff\xff\xff\xff\0\0\0\0N."s, "frame"}, {"\x80\x02\x82\1.", "opcode 0x82"}, {"\x80\x02K\1}b.", "given a state"},
      {"\x80\x02" "cnumpy\ndtype\nK\1\x85R.", "numpy.dtype"}, {"\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n)R.", "0 arguments"}};
  for (const auto& [bytes, part] : cases)
    expect_error(ExitCode::kUsage, part, [&, bytes = bytes] { Pickle::parse(bytes, "bad.pkl"); });
}

TEST(Pickle, CannotGrowBeyondWhatItsSizeJustifies) {
  std::string bytes = "\x80\x02](";
  for (int i = 0; i < 20000; ++i) bytes += "K\1";
  bytes += "e\x85q\1" "0]("s;
  for (int i = 0; i < 20000; ++i) bytes += "c__builtin__\nset\nh\1R";  // each copies the 20,000
  expect_error(ExitCode::kUsage, "far more than its", [&] { Pickle::parse(bytes + "e.", "bomb.pkl"); });
}

TEST(Pickle, CutOrChangedBytesNeverCrash) {
  RandomStream random = Draws(1, "pickle damage").stream(0);
  for (const int protocol : {2, 4, 5}) {
    const std::string good = golden_bytes(fmt::format("values-{}.pkl", protocol)).substr(0, 1 << 20);
    int rejected = 0;
    for (int i = 0; i < 400; ++i) {
      std::string bytes = good;
      if (i < 100) bytes.resize(good.size() * static_cast<size_t>(i) / 100);
      else bytes[random.below(2000)] = static_cast<char>(random.bits());
      try {
        to_plain_json(Pickle::parse(std::move(bytes), "changed.pkl").root());
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ExitCode::kUsage) << error.what();
        ++rejected;
      } catch (const std::out_of_range&) {  // the test's own array_json, for an array of one dimension
      }
    }
    EXPECT_GE(rejected, 100);
  }
}

}  // namespace
}  // namespace defound
