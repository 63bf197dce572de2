#include "defound/models/training_requests.h"

#include <gtest/gtest.h>

#include <set>

#include "support/expect_error.h"

namespace defound {
namespace {

using testing::expect_error;
using Texts = std::vector<std::string>;

/// 0: glaucoma; 1: two labels; 2: glaucoma with a prompt of its own; 3: nothing known.
ImageTable four_rows() {
  ImageTable table;
  table.classes = {"macular_hole|dr", "glaucoma"};
  for (const auto& [label, prompt] :
       std::vector<std::pair<int64_t, std::string>>{{1, ""}, {0, ""}, {1, "An eye, ill"}, {-1, ""}}) {
    ImageRow row;
    row.label = label, row.prompt = prompt;
    if (label >= 0) row.label_name = table.classes[static_cast<size_t>(label)];
    table.rows.push_back(row);
  }
  return table;
}

std::vector<uint64_t> ids_of_row(int64_t row, int64_t epochs) {
  std::vector<uint64_t> ids;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) ids.push_back(sample_id(epoch, row));
  return ids;
}

TEST(TrainingRequests, PlainOnesAreThePromptOrTheLabelInTheFirstTemplate) {
  const ImageTable table = four_rows();
  const auto plain = [&](const TrainingRequests& requests) {
    Texts texts;
    for (const ImageRow& row : table.rows) texts.push_back(requests.plain(row));
    return texts;
  };
  const Texts templates = {"a photo of {label}", "{label}"};
  EXPECT_EQ(plain(TrainingRequests({templates, false, 0}, table, true)),
            (Texts{"a photo of glaucoma", "a photo of macular hole|dr", "An eye, ill", ""}));
  EXPECT_EQ(plain(TrainingRequests({templates, true, 0}, table, true))[1], "a photo of macular hole, dr");
  EXPECT_EQ(plain(TrainingRequests({}, table, false)), (Texts{"glaucoma", "macular_hole|dr", "glaucoma", ""}));
}

TEST(TrainingRequests, WithoutOptionsTheDrawnOnesArePlain) {
  const ImageTable table = four_rows();
  for (const bool reads_text : {false, true}) {
    const TrainingRequests requests({}, table, reads_text);
    for (int64_t row = 0; row < 4; ++row)
      for (const std::string& drawn : requests.drawn(ids_of_row(row, 20), Draws(1, "x")))
        EXPECT_EQ(drawn, requests.plain(table.rows[static_cast<size_t>(row)]));
  }
}

TEST(TrainingRequests, TemplatesOrdersAndDropsAreDrawnByIdWhateverTheBatch) {
  const TrainingRequests requests({{"1 {label}", "2 {label}"}, true, 0.4}, four_rows(), true);
  const Draws draws(6, "request");
  const auto ids = ids_of_row(1, 300);
  const Texts drawn = requests.drawn(ids, draws);
  EXPECT_EQ(std::set<std::string>(drawn.begin(), drawn.end()),
            (std::set<std::string>{"", "1 macular hole", "2 macular hole", "1 dr", "2 dr", "1 macular hole, dr",
                                   "2 macular hole, dr", "1 dr, macular hole", "2 dr, macular hole"}));
  for (const size_t i : {0, 1, 299}) EXPECT_EQ(requests.drawn({&ids[i], 1}, draws).front(), drawn[i]);
  for (const std::string& own : requests.drawn(ids_of_row(2, 50), draws)) EXPECT_EQ(own, "An eye, ill");
  for (const std::string& nothing : requests.drawn(ids_of_row(3, 50), draws)) EXPECT_EQ(nothing, "");
}

TEST(TrainingRequests, OtherRowsAreAnyOfThem) {
  const TrainingRequests requests({}, four_rows(), true);
  const auto ids = ids_of_row(0, 400);
  const Texts other = requests.of_other_rows(ids, Draws(6, "other"));
  const auto count = [&](const std::string& text) { return std::count(other.begin(), other.end(), text); };
  for (const char* text : {"glaucoma", "macular hole|dr", "An eye, ill", ""})
    EXPECT_NEAR(static_cast<double>(count(text)), 100, 40) << text;
  EXPECT_EQ(requests.of_other_rows({&ids[5], 1}, Draws(6, "other")).front(), other[5]);
}

TEST(TrainingRequests, APromptThatAClassAgreesOnStandsForIt) {
  ImageTable table = four_rows();
  const auto prompt_of = [&](size_t index) {
    return TrainingRequests({{"of {label}"}, true, 0}, table, true).label_prompts().at(index).prompt;
  };
  EXPECT_EQ(prompt_of(0), "of macular hole, dr");
  EXPECT_EQ(prompt_of(1), "of glaucoma");  // its rows ask for different things
  table.rows[0].prompt = "An eye, ill";
  EXPECT_EQ(prompt_of(1), "An eye, ill");
}

TEST(TrainingRequests, GeneratorsOfLabelsTakeNoPrompts) {
  expect_error(ExitCode::kUsage, "compose_labels", [] { TrainingRequests({{"{label}"}, true, 0}, {}, false); });
  expect_error(ExitCode::kUsage, "prompt_template is given 2 times",
               [] { TrainingRequests({{"a", "b"}, false, 0}, {}, false); });
  expect_error(ExitCode::kUsage, "prompt_template is empty", [] { TrainingRequests({{}, false, 0}, {}, true); });
}

}  // namespace
}  // namespace defound
