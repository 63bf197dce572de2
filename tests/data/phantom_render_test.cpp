#include <gtest/gtest.h>

#include <cmath>

#include "defound/data/phantom/cxr_phantom.h"
#include "defound/data/phantom/cxr_anatomy.h"
#include "defound/data/phantom/fundus_lesions.h"
#include "defound/data/phantom/fundus_phantom.h"

namespace defound::phantom {
namespace {

const Draws kDraws(11, "phantom.test");

double difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

double mean(const Image& image) { return difference(image, Image(image.width, image.height)); }

TEST(FundusLesions, NumberAndKindFollowTheGrade) {
  double before = 0;
  for (int grade = 0; grade <= 3; ++grade) {
    double count = 0;
    for (uint64_t patient = 0; patient < 40; ++patient) {
      const FundusAnatomy eye = draw_fundus_anatomy(kDraws.purpose("anatomy").stream(patient));
      const FundusLesions lesions = draw_fundus_lesions(grade, eye, kDraws.purpose("lesions").stream(patient));
      count += static_cast<double>(lesions.count());
      if (grade == 0) { EXPECT_EQ(lesions.count(), 0u); }
      if (grade == 1) { EXPECT_EQ(lesions.count(), lesions.microaneurysms.size()); }
      if (grade == 2) { EXPECT_GE(lesions.hemorrhages.size(), 6u); }
      EXPECT_TRUE(lesions.new_vessels.empty());
    }
    if (grade > 0) { EXPECT_GT(count, before) << "grade " << grade; }
    before = count;
  }
  const FundusAnatomy eye = draw_fundus_anatomy(kDraws.stream(0));
  EXPECT_FALSE(draw_fundus_lesions(4, eye, kDraws.stream(1)).new_vessels.empty());
}

TEST(FundusLesions, StayOffDiscAndFovea) {
  for (uint64_t patient = 0; patient < 20; ++patient) {
    const FundusAnatomy eye = draw_fundus_anatomy(kDraws.stream(patient));
    for (const Blob& blob : draw_fundus_lesions(3, eye, kDraws.stream(patient)).hemorrhages) {
      EXPECT_GT(std::hypot(blob.center.x - eye.disc.x, blob.center.y - eye.disc.y), eye.disc_radius);
      EXPECT_GT(std::hypot(blob.center.x, blob.center.y), 0.08);
    }
  }
}

TEST(FundusPhantom, ShowsMoreTheHigherTheGrade) {
  for (const int64_t size : {64, 128}) {
    double before = 0;
    for (int grade = 1; grade <= 3; ++grade) {
      double sum = 0;
      for (uint64_t patient = 0; patient < 12; ++patient) {
        sum += difference(render_fundus(kDraws, patient, patient, grade, size), render_fundus(kDraws, patient, patient, 0, size));
      }
      EXPECT_GT(sum, 1.3 * before + 0.5) << "grade " << grade << " at " << size << " px";
      before = sum;
    }
  }
}

TEST(FundusPhantom, GradeChangesLesionsOnly) {  // far from any lesion, camera, anatomy and noise are the same to the bit
  const Image healthy = render_fundus(kDraws, 5, 9, 0, 96), mild = render_fundus(kDraws, 5, 9, 1, 96);
  size_t changed = 0;
  for (size_t i = 0; i < healthy.pixels.size(); ++i) changed += healthy.pixels[i] != mild.pixels[i];
  EXPECT_GT(changed, 0u);
  EXPECT_LT(changed, healthy.pixels.size() / 4);
}

TEST(FundusPhantom, PatientKeepsAnatomyAndCameraChanges) {
  const Image first = render_fundus(kDraws, 3, 0, 0, 96), again = render_fundus(kDraws, 3, 0, 0, 96);
  EXPECT_EQ(first.pixels, again.pixels);
  EXPECT_GT(difference(first, render_fundus(kDraws, 3, 1, 0, 96)), 3);
  EXPECT_GT(difference(first, render_fundus(kDraws, 4, 0, 0, 96)), 3);
}

TEST(FundusPhantom, IsRedderThanBlueAndBlackOutsideTheField) {
  for (uint64_t patient = 0; patient < 8; ++patient) {
    const Image image = render_fundus(kDraws, patient, patient, 2, 96);
    double red = 0, blue = 0;
    for (size_t i = 0; i < image.pixels.size(); i += 3) red += image.pixels[i], blue += image.pixels[i + 2];
    EXPECT_GT(red, 1.15 * blue);
    for (const int64_t corner : {0, 95}) EXPECT_EQ(image.at(corner, 95 - corner)[0], 0);
    EXPECT_GT(mean(image), 15);
    EXPECT_LT(mean(image), 200);
  }
}

TEST(ChestPhantom, OpacitiesBrightenTheLungsOnly) {
  for (uint64_t patient = 0; patient < 12; ++patient) {
    const Image healthy = render_cxr(kDraws, patient, patient, 0, 96), ill = render_cxr(kDraws, patient, patient, 1, 96);
    EXPECT_GT(mean(ill), mean(healthy));
    size_t darker = 0, brighter = 0;
    for (size_t i = 0; i < ill.pixels.size(); ++i) darker += ill.pixels[i] < healthy.pixels[i], brighter += ill.pixels[i] > healthy.pixels[i];
    EXPECT_EQ(darker, 0u);
    EXPECT_GT(brighter, ill.pixels.size() / 100);
    EXPECT_LT(brighter, ill.pixels.size() / 2);
  }
}

TEST(ChestPhantom, LungsLieBetweenSpineAndRibsAboveTheDiaphragm) {
  for (uint64_t patient = 0; patient < 10; ++patient) {
    const ChestAnatomy chest = draw_chest_anatomy(kDraws.stream(patient));
    EXPECT_EQ(chest.lung({0, 0}), 0);
    EXPECT_EQ(chest.lung({0.4, 0}), 1);
    EXPECT_EQ(chest.lung({-0.4, 0}), 1);
    EXPECT_EQ(chest.lung({0.4, 0.8}), 0);
    EXPECT_EQ(chest.lung({0.95, 0}), 0);
    EXPECT_LT(chest.wall(-0.5), chest.wall(0.4));
    const auto opacities = draw_opacities(chest, kDraws.stream(patient));
    EXPECT_GE(opacities.size(), 1u);
    EXPECT_LE(opacities.size(), 3u);
    for (const Blob& blob : opacities) EXPECT_GT(chest.lung(blob.center), 0.9);
  }
}

TEST(ChestPhantom, IsGrayWithDarkLungs) {
  const Image image = render_cxr(kDraws, 2, 2, 0, 96);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    EXPECT_EQ(image.pixels[i], image.pixels[i + 1]);
    EXPECT_EQ(image.pixels[i], image.pixels[i + 2]);
  }
  EXPECT_LT(image.at(30, 45)[0], image.at(47, 60)[0]);
}

}  // namespace
}  // namespace defound::phantom
