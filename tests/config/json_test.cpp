#include "defound/config/json.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"

namespace defound {
namespace {

struct Small : Config {
  double mask_ratio = 0.75;
  int64_t epochs = 10;
  bool flip = true;
  std::string kind = "cosine";
  std::vector<std::string> data;
  std::optional<double> learning_rate;
  int64_t threads = 1;
  std::string amount = "5x:normal";
  void visit(Visitor& v) override {
    v(field("mask_ratio", "").range(0, 1), mask_ratio);
    v(field("epochs", "").range(1, 1000), epochs);
    v(field("flip", ""), flip);
    v(field("kind", "").one_of({"cosine", "constant"}), kind);
    v(field("data", ""), data);
    v(field("learning_rate", ""), learning_rate);
    v(field("threads", "").may_change(), threads);
    v(field("amount", "").or_number(), amount);
  }
};

/// The message with which reading `text` is refused; empty when it is taken.
std::string refusal(const std::string& text) {
  try {
    Small config;
    from_json(config, parse_json(text, "a.json"), "a.json");
    check_ranges(config);
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    return e.what();
  }
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Json, ANumberBeyondADoubleIsRefusedByName) {
  for (const char* text : {R"({"mask_ratio": 1e999})", R"([1, -1e9999])", "66e905x"}) {
    try {
      parse_json(text, "file.json");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUsage) << text;
      EXPECT_TRUE(std::string(error.what()).starts_with("file.json: a number is too large")) << error.what();
    }
  }
}

TEST(Json, RoundTripKeepsEveryField) {
  Small written, read;
  written.mask_ratio = 0.5, written.data = {"a", "b"}, written.learning_rate = 1e-3, written.flip = false;
  from_json(read, to_json(written), "memory");
  EXPECT_EQ(to_json(read), to_json(written));
  EXPECT_EQ(read.learning_rate, 1e-3);
}

TEST(Json, ANumberMayStandForATextThatIsOne) {
  for (const auto& [text, amount] : {std::pair{R"({"amount": 2000})", "2000"}, {R"({"amount": "2000"})", "2000"}, {R"({"amount": 1.5})", "1.5"}}) {
    Small config;
    from_json(config, parse_json(text, "a.json"), "a.json");
    EXPECT_EQ(config.amount, amount);
  }
  EXPECT_EQ(refusal(R"({"amount": true})"), "a.json: \"amount\" must be a text or a number, not true");
  EXPECT_EQ(refusal(R"({"kind": 3})"), "a.json: \"kind\" must be a text, not 3");
}

TEST(Json, CommentsAreLeftAlone) { EXPECT_EQ(refusal(R"({"_comment": "why", "epochs": 5})"), ""); }

TEST(Json, FaultsNameKeyFileAndNextStep) {
  EXPECT_TRUE(contains(refusal(R"({"mask_ration": 0.5})"), "did you mean \"mask_ratio\""));
  EXPECT_TRUE(contains(refusal(R"({"epochs": 5, "epochs": 6})"), "\"epochs\" stands twice"));
  EXPECT_TRUE(contains(refusal(R"({"epochs": 1.9})"), "\"epochs\" must be an integer, not 1.9"));
  EXPECT_TRUE(contains(refusal(R"({"flip": "yes"})"), "true or false"));
  EXPECT_TRUE(contains(refusal(R"({"mask_ratio": 1.5})"), "must lie in 0..1"));
  EXPECT_TRUE(contains(refusal(R"({"kind": "cosin"})"), "did you mean 'cosine'"));
  EXPECT_TRUE(contains(refusal("{\n\"epochs\": 5,\n}"), "a.json:3"));
  EXPECT_TRUE(contains(refusal("[1]"), "expected a JSON object"));
  EXPECT_TRUE(contains(refusal(std::string(200, '[') + std::string(200, ']')), "nested deeper"));
  EXPECT_TRUE(contains(refusal(R"({"epochs": 18446744073709551615})"), "below 2^63"));
}

TEST(ChangedRecipe, ListsRecipeKeysOnly) {
  Small before, now;
  now.epochs = 20, now.threads = 8;
  EXPECT_EQ(changed_recipe(now, to_json(before)), std::vector<std::string>{"epochs: 10 -> 20"});
  EXPECT_EQ(missing_keys(now, {{"mask_ratio", 0.75}}), (std::vector<std::string>{"epochs", "flip", "kind", "data", "learning_rate", "amount"}));
  EXPECT_EQ(changed_recipe(now, {{"mask_ratio", 0.75}}).size(), 6U);  // whose defaults are not known: all that is missing
}

}  // namespace
}  // namespace defound
