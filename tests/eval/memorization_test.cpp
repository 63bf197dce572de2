#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "defound/eval/memorization/copy_alignment.h"
#include "defound/eval/memorization/copy_kind.h"
#include "defound/eval/memorization/copy_search.h"
#include "defound/eval/memorization/copy_threshold.h"
#include "defound/eval/memorization/local_contrast.h"
#include "defound/tensor/random_tensor.h"
#include "support/planted_copies.h"

namespace defound {
namespace {

using testing::crop_of;
using testing::gray_squares;
using testing::kCopyKinds;
using testing::kDrawnKinds;
using testing::phantom_images;
using testing::plant_copy;
using testing::shift_of;

constexpr int64_t kPatients = 80, kPlanted = 16, kPhantomSide = 96;

std::vector<int64_t> numbered(int64_t count) {
  std::vector<int64_t> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), int64_t{0});
  return out;
}

/// Phantoms of 80 patients, and how alike each is to the most similar one of another patient.
struct RealImages {
  std::vector<Image> images;
  torch::Tensor pictures;
  std::vector<double> set_on, measured;   ///< similarities of either half of the patients

  explicit RealImages(const std::string& modality)
      : images(phantom_images(modality, kPatients, kPhantomSide, 5)), pictures(gray_squares(images)) {
    const auto patients = numbered(kPatients);
    const auto matches = find_copies(pictures, pictures, patients, patients, {.candidates = 3});
    const auto half = patient_halves(patients, 0);
    for (size_t i = 0; i < matches.size(); ++i) (half[i] == 0 ? set_on : measured).push_back(matches[i].similarity);
  }
  double threshold() const { return copy_threshold(set_on, 0.01).value; }
  std::vector<CopyMatch> search(const std::vector<Image>& queries) const {
    return find_copies(gray_squares(queries), pictures, std::vector<int64_t>(queries.size(), -1), numbered(kPatients),
                       {.candidates = 3});
  }
};

const RealImages& real_phantoms(const std::string& modality) {
  if (modality == "cxr") {
    static const RealImages cxr("cxr");
    return cxr;
  }
  static const RealImages fundus("fundus");
  return fundus;
}

class Copies : public ::testing::TestWithParam<std::string> {};

TEST_P(Copies, OfEachKindAreFoundAndNamed) {
  const RealImages& real = real_phantoms(GetParam());
  for (const std::string& kind : kCopyKinds) {
    SCOPED_TRACE(kind);
    std::vector<Image> planted;
    for (int64_t i = 0; i < kPlanted; ++i) {
      RandomStream stream = Draws(3, kind).stream(static_cast<uint64_t>(i));
      planted.push_back(plant_copy(real.images[static_cast<size_t>(i)], kind, stream));
    }
    const auto matches = real.search(planted);
    int64_t found = 0, named = 0;
    for (int64_t i = 0; i < kPlanted; ++i) {
      const CopyMatch& match = matches[static_cast<size_t>(i)];
      if (match.similarity <= real.threshold() || match.reference != i) continue;
      ++found;
      named += copy_kind(match, planted[static_cast<size_t>(i)], real.images[static_cast<size_t>(i)]) == kind;
    }
    const bool whole = kind != "cropped" && kind != "shifted";
    EXPECT_GE(found, whole ? kPlanted : kPlanted * 9 / 10);
    EXPECT_GE(named, whole ? kPlanted : kPlanted * 8 / 10);
  }
}

TEST_P(Copies, ThatAGeneratorDrewAreFound) {
  const RealImages& real = real_phantoms(GetParam());
  for (const std::string& kind : kDrawnKinds) {
    std::vector<Image> drawn;
    for (int64_t i = 0; i < kPlanted; ++i) {
      RandomStream stream = Draws(3, kind).stream(static_cast<uint64_t>(i));
      drawn.push_back(plant_copy(real.images[static_cast<size_t>(i)], kind, stream));
    }
    const auto matches = real.search(drawn);
    int64_t found = 0;
    for (int64_t i = 0; i < kPlanted; ++i)
      found += matches[static_cast<size_t>(i)].similarity > real.threshold() && matches[static_cast<size_t>(i)].reference == i;
    EXPECT_GE(found, kPlanted * 9 / 10) << kind;
  }
}

TEST_P(Copies, OtherPatientsAreNone) {
  const RealImages& real = real_phantoms(GetParam());
  const auto above = std::count_if(real.measured.begin(), real.measured.end(),
                                   [&](double similarity) { return similarity > real.threshold(); });
  EXPECT_LE(above, 1) << "of " << real.measured.size();                                // 1 % of 30, and chance
  const auto matches = real.search(phantom_images(GetParam(), 20, kPhantomSide, 6));   // patients of another seed
  EXPECT_LE(std::count_if(matches.begin(), matches.end(),
                          [&](const CopyMatch& match) { return match.similarity > real.threshold(); }),
            1);
}

INSTANTIATE_TEST_SUITE_P(Modalities, Copies, ::testing::Values("fundus", "cxr"), [](const auto& info) { return info.param; });

TEST(CopySearch, KnowsWhereThePartWasTaken) {
  const RealImages& real = real_phantoms("fundus");
  const auto match = real.search({crop_of(real.images[7], 0.15, 0.05, 0.8),
                                  flip_horizontal(crop_of(real.images[8], 0.1, 0.2, 0.8)), shift_of(real.images[9], 9, -6)});
  EXPECT_EQ(match[0].reference, 7);
  EXPECT_NEAR(match[0].window.left, 0.15, 0.01);
  EXPECT_NEAR(match[0].window.top, 0.05, 0.01);
  EXPECT_NEAR(match[0].window.width, 0.8, 0.015);
  EXPECT_EQ(match[1].reference, 8);
  EXPECT_TRUE(match[1].flip_horizontal);
  EXPECT_FALSE(match[1].flip_vertical);
  EXPECT_NEAR(match[1].window.left, 0.1, 0.01);
  EXPECT_EQ(copy_kind(match[1], real.images[0], real.images[8]), "flipped_horizontal+cropped");
  EXPECT_EQ(match[2].reference, 9);
  EXPECT_NEAR(match[2].window.left, -9.0 / kPhantomSide, 0.01);
  EXPECT_NEAR(match[2].window.top, 6.0 / kPhantomSide, 0.01);
}

TEST(CopySearch, IsTheSameForAnyOtherQueriesAndNeverNamesThePatientItself) {
  const RealImages& real = real_phantoms("fundus");
  const auto patients = numbered(kPatients);
  std::vector<int64_t> pairs = patients;
  for (int64_t& patient : pairs) patient /= 2;   // two images a patient
  for (const CopyMatch& match : find_copies(real.pictures.slice(0, 0, 2), real.pictures, {0, 0}, pairs, {.candidates = 3}))
    EXPECT_GE(match.reference, 2);
  const auto alone = find_copies(real.pictures.slice(0, 5, 6), real.pictures, {-1}, patients, {.candidates = 3});
  const auto among = find_copies(real.pictures.slice(0, 0, 9), real.pictures, std::vector<int64_t>(9, -1), patients,
                                 {.candidates = 3});
  EXPECT_EQ(alone[0].reference, 5);
  EXPECT_NEAR(alone[0].similarity, among[5].similarity, 1e-5);
  const auto none = find_copies(real.pictures.slice(0, 0, 1), real.pictures.slice(0, 0, 3), {4}, {4, 4, 4}, {});
  EXPECT_EQ(none[0].reference, -1);
}

TEST(Duplicates, EachButTheFirstIsNamed) {
  const RealImages& real = real_phantoms("fundus");
  std::vector<Image> images(real.images.begin(), real.images.begin() + 12);
  images.push_back(flip_horizontal(real.images[3]));
  images.push_back(decode_image(encode_jpeg(real.images[3], 50), "a duplicate"));
  images.push_back(real.images[8]);
  const auto pairs = find_duplicates(gray_squares(images), real.threshold(), {});
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].first, 3);
  EXPECT_EQ(pairs[0].second, 12);
  EXPECT_TRUE(pairs[1].first == 3 || pairs[1].first == 12);
  EXPECT_EQ(pairs[1].second, 13);
  EXPECT_EQ(pairs[2].first, 8);
  EXPECT_EQ(pairs[2].second, 14);
  EXPECT_GT(pairs[2].similarity, 0.999);
}

TEST(CopyThreshold, IsTheRankThatTheRateAllows) {
  std::vector<double> values;   // 900 close together and a long tail
  for (int i = 1; i <= 900; ++i) values.push_back(0.3 + 0.0001 * i);
  for (int i = 1; i <= 99; ++i) values.push_back(0.5 + 0.004 * i);
  std::reverse(values.begin(), values.end());
  EXPECT_DOUBLE_EQ(copy_threshold(values, 0.01).value, 0.5 + 0.004 * 90);   // ten of a thousand, the new one counted, are above
  EXPECT_DOUBLE_EQ(copy_threshold(values, 0.05).value, 0.5 + 0.004 * 50);
  EXPECT_EQ(copy_threshold(values, 0.05).images, 999);
  EXPECT_GT(copy_threshold({0.2, 0.7, 0.4}, 0.01).value, 0.8);   // three values: beyond the highest
  EXPECT_DOUBLE_EQ(copy_threshold({0.2, 0.21, 0.2, 0.21, 0.2, 0.21, 0.2, 0.21, 0.9}, 0.1).value, 0.9);
}

TEST(LocalContrast, ForgetsExposureAndKeepsTheDarkOut) {
  std::vector<uint64_t> ids{0, 1};
  torch::Tensor images = random_uniform(Draws(1, "pictures"), ids, {32, 32}) * 0.5 + 0.3;
  const torch::Tensor contrast = local_contrast(images, 2);
  EXPECT_LT((local_contrast(images * 0.6 + 0.1, 2) - contrast).abs().max().item<double>(), 0.3);   // but for the floor
  EXPECT_GT((contrast * local_contrast(images * 0.6 + 0.1, 2)).sum().item<double>() / contrast.square().sum().item<double>(),
            0.9);
  images.slice(2, 0, 16).fill_(0.01);   // the left half is dark: nothing there counts, nor does the edge
  const torch::Tensor half = local_contrast(images, 2);
  EXPECT_EQ(half.slice(2, 0, 17).abs().max().item<double>(), 0);
  EXPECT_LT((half.slice(2, 24) - contrast.slice(2, 24)).abs().max().item<double>(), 1e-3);
}

TEST(PatientHalves, AreEvenAndKeepAPatientTogether) {
  std::vector<int64_t> patients;
  for (int64_t i = 0; i < 41; ++i) patients.insert(patients.end(), 3, i);
  const auto half = patient_halves(patients, 4);
  for (size_t i = 0; i < half.size(); ++i) EXPECT_EQ(half[i], half[i - i % 3]);
  EXPECT_EQ(std::count(half.begin(), half.end(), 1), 60);
  EXPECT_EQ(half, patient_halves(patients, 4));
  EXPECT_NE(half, patient_halves(patients, 5));
}

TEST(CopyKind, AnExactCopyHasTheSamePixels) {
  const Image image = phantom_images("fundus", 1, kPhantomSide, 5).front();
  Image other = image;
  const CopyMatch whole{0, 1.0, false, false, {0.002, -0.001, 0.997, 1.001}};
  EXPECT_EQ(copy_kind(whole, other, image), "exact");
  other.pixels[100] ^= 1;
  EXPECT_EQ(copy_kind(whole, other, image), "re-encoded");
  EXPECT_EQ(copy_kind({0, 1.0, true, true, {0, 0, 1, 1}}, other, image), "flipped_horizontal+flipped_vertical");
  EXPECT_EQ(copy_kind({0, 1.0, false, false, {0.1, 0, 1, 1}}, other, image), "shifted");
}

}  // namespace
}  // namespace defound
