#include "defound/models/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "defound/config/json.h"
#include "defound/models/prompt_words.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;

const Json& tokenizer_golden() {
  static const Json golden = parse_json(read_text(DEFOUND_GOLDENS "/tokenizer.json"), "tokenizer.json");
  return golden;
}

/// A tokenizer folder with the golden's share of CLIP's vocabulary.
void write_tokenizer(const TempFolder& temp, const std::string& config = R"({"pad_token": "<|endoftext|>", "model_max_length": 77})") {
  temp.write("tokenizer/vocab.json", tokenizer_golden()["vocab"].dump());
  std::string merges = "#version: 0.2\n";
  for (const Json& merge : tokenizer_golden()["merges"]) merges += merge.get<std::string>() + "\n";
  temp.write("tokenizer/merges.txt", merges);
  temp.write("tokenizer/tokenizer_config.json", config);
}

void expect_golden_ids(const Tokenizer& tokenizer) {
  for (const Json& item : tokenizer_golden()["cases"])
    EXPECT_EQ(tokenizer.encode(item["prompt"].get<std::string>()), item["ids"].get<std::vector<int64_t>>()) << item["prompt"];
}

TEST(Tokenizer, GivesTheIdsOfTransformers) {
  const TempFolder temp;
  write_tokenizer(temp);
  const Tokenizer tokenizer = Tokenizer::load(temp / "tokenizer");
  EXPECT_GE(tokenizer_golden()["cases"].size(), 200u);
  EXPECT_EQ(tokenizer.vocab_size(), 49408);
  EXPECT_EQ(tokenizer.max_length(), 77);
  expect_golden_ids(tokenizer);
  // the whole vocabulary, from the folder that scripts/goldens/tokenizer.py --full names
  if (const char* folder = std::getenv("DEFOUND_CLIP_TOKENIZER")) expect_golden_ids(Tokenizer::load(folder));
}

TEST(Tokenizer, ReadsTokenizerJsonAndSavesWhatItRead) {
  const TempFolder temp;
  write_tokenizer(temp);
  Json merges = Json::array();
  for (const Json& merge : tokenizer_golden()["merges"]) {
    const std::string text = merge.get<std::string>();
    merges.push_back({text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)});
  }
  temp.write("one/tokenizer.json", Json{{"model", {{"type", "BPE"}, {"vocab", tokenizer_golden()["vocab"]}, {"merges", merges}}}}.dump());
  const Tokenizer tokenizer = Tokenizer::load(temp / "one");
  expect_golden_ids(tokenizer);
  Tokenizer::load(temp / "tokenizer").save(temp / "copy");
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"}) EXPECT_EQ(read_text(temp / "copy" / name), read_text(temp / "tokenizer" / name));
  EXPECT_FALSE(fs::exists(temp / "copy" / "tokenizer.json"));
}

TEST(Tokenizer, PadsAndCutsAsItsConfigSays) {
  const TempFolder temp;
  write_tokenizer(temp, R"({"pad_token": {"content": "!</w>"}, "model_max_length": 5})");
  const Tokenizer tokenizer = Tokenizer::load(temp / "tokenizer");
  const int64_t begin = tokenizer_golden()["vocab"]["<|startoftext|>"].get<int64_t>(), padding = tokenizer_golden()["vocab"]["!</w>"].get<int64_t>();
  EXPECT_EQ(tokenizer.encode(""), (std::vector<int64_t>{begin, tokenizer.end_id(), padding, padding, padding}));
  const std::vector<int64_t> cut = tokenizer.encode("1 2 3 4 5 6");
  EXPECT_EQ(cut.size(), 5u);
  EXPECT_EQ(cut.back(), tokenizer.end_id());
  bool was_cut = false;
  tokenizer.encode("1 2 3", &was_cut);
  EXPECT_FALSE(was_cut);
  tokenizer.encode("1 2 3 4", &was_cut);
  EXPECT_TRUE(was_cut);
  // special_tokens_map.json speaks where tokenizer_config.json is silent
  temp.write("tokenizer/tokenizer_config.json", "{}");
  temp.write("tokenizer/special_tokens_map.json", R"({"pad_token": "!</w>"})");
  EXPECT_EQ(Tokenizer::load(temp / "tokenizer").encode("").back(), padding);
}

TEST(Tokenizer, NamesTheFileThatIsWrong) {
  const TempFolder temp;
  const auto rejected = [&](const std::string& part) { expect_error(ExitCode::kUsage, part, [&] { Tokenizer::load(temp / "tokenizer"); }); };
  rejected("no tokenizer");
  write_tokenizer(temp), temp.write("tokenizer/vocab.json", R"({"a": 1.5})");
  rejected("vocab.json");
  write_tokenizer(temp), temp.write("tokenizer/vocab.json", R"({"a": -1})");
  rejected("vocab.json");
  write_tokenizer(temp), temp.write("tokenizer/vocab.json", "[]");
  rejected("vocab.json");
  write_tokenizer(temp), temp.write("tokenizer/merges.txt", "#version: 0.2\na\n");
  rejected("merges.txt:2");
  write_tokenizer(temp), temp.write("tokenizer/merges.txt", "nobody knows\n");
  rejected("nobodyknows");
  write_tokenizer(temp, R"({"bos_token": "<start>"})");
  rejected("<start>");
}

TEST(PromptWords, InvalidBytesBecomeReplacementCharacters) {
  EXPECT_EQ(normalize_prompt("A\xFF\xC3 b"), "a\xEF\xBF\xBD\xEF\xBF\xBD b");
  EXPECT_EQ(split_prompt("we'll see 12!'s"), (std::vector<std::string>{"we", "'ll", "see", "1", "2", "!'", "s"}));
}

}  // namespace
}  // namespace defound
