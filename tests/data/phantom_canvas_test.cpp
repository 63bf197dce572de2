#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "defound/data/phantom/canvas.h"
#include "defound/data/phantom/noise_field.h"
#include "defound/data/phantom/vessel_tree.h"

namespace defound::phantom {
namespace {

double sum(const Plane& plane) { return std::accumulate(plane.values.begin(), plane.values.end(), 0.0); }

TEST(View, GoesThereAndBack) {
  const View view({0.3, -0.2}, 40, 0.4, true, 31.5, 30);
  const Point back = view.to_scene(view.to_pixel({0.7, 0.5}).x, view.to_pixel({0.7, 0.5}).y);
  EXPECT_NEAR(back.x, 0.7, 1e-12);
  EXPECT_NEAR(back.y, 0.5, 1e-12);
  EXPECT_NEAR(view.to_pixel({0.3, -0.2}).x, 31.5, 1e-12);
}

TEST(Stroke, CoversItsAreaAtAnyWidth) {  // length x width, also below a pixel
  for (const double radius : {0.2, 0.4, 1.0, 3.0}) {
    Plane plane(64, 64);
    draw_stroke(plane, View({0, 0}, 1, 0, false, 0, 0), {{{10.2, 30.3}, {50.2, 30.3}}, {radius, radius}}, 1, Profile::kSolid);
    EXPECT_NEAR(sum(plane), 40 * 2 * radius, 0.12 * 40 * 2 * radius + radius * 4) << radius;
  }
}

TEST(Blob, HasItsAreaAndStaysInsideThePlane) {
  Plane plane(64, 64);
  Blob blob;
  blob.center = {32, 32};
  blob.radius = 10;
  blob.stretch = 1.3;
  blob.angle = 0.5;
  draw_blob(plane, View({0, 0}, 1, 0, false, 0, 0), blob, 1);
  EXPECT_NEAR(sum(plane), M_PI * 100, 12);
  EXPECT_EQ(plane.at(0, 0), 0);
  blob.center = {-500, 9000};  // far outside: nothing is drawn, nothing is written out of bounds
  Plane empty(16, 16);
  draw_blob(empty, View({0, 0}, 1, 0, false, 0, 0), blob, 1);
  EXPECT_EQ(sum(empty), 0);
}

TEST(Blur, KeepsTheSumAndSpreads) {
  Plane plane(41, 41);
  plane.at(20, 20) = 1;
  blur(plane, 2);
  EXPECT_NEAR(sum(plane), 1, 1e-5);
  EXPECT_NEAR(plane.at(20, 20), 1 / (2 * M_PI * 4), 2e-3);
}

TEST(AddNoise, HasTheDeviationAskedFor) {
  Plane plane(128, 128);
  RandomStream stream = Draws(1, "noise").stream(0);
  add_noise(plane, 0.05, stream);
  double squares = 0;
  for (const float value : plane.values) squares += value * value;
  EXPECT_NEAR(sum(plane) / 16384, 0, 0.002);
  EXPECT_NEAR(std::sqrt(squares / 16384), 0.05, 0.002);
}

TEST(NoiseField, IsSmoothAndDependsOnTheKey) {
  const NoiseField field(1), other(2);
  double most = 0, apart = 0;
  for (int i = 0; i < 400; ++i) {
    const double x = 0.173 * i - 20, y = 0.31 * i;
    most = std::max(most, std::abs(field(x + 1e-3, y) - field(x, y)));
    apart = std::max(apart, std::abs(field(x, y) - other(x, y)));
    EXPECT_LE(std::abs(field(x, y)), 1);
  }
  EXPECT_LT(most, 0.005);
  EXPECT_GT(apart, 0.5);
}

TEST(VesselTree, TapersBranchesAndStopsAtTheBorder) {
  GrowthRules rules;
  rules.allowed = [](Point p) { return p.x < 0.8; };
  RandomStream stream = Draws(4, "vessels").stream(0);
  std::vector<Stroke> vessels;
  grow_vessel({{0, 0}, 0, 0, 0.5, 0.02, 2, 2}, rules, stream, vessels);
  ASSERT_GT(vessels.size(), 3u);
  for (const Stroke& vessel : vessels) {
    ASSERT_EQ(vessel.points.size(), vessel.radii.size());
    EXPECT_LE(vessel.radii.back(), vessel.radii.front());
    EXPECT_LE(vessel.radii.front(), 0.02 * 1.0001);
    for (const Point& p : vessel.points) EXPECT_LT(p.x, 0.8);
  }
}

}  // namespace
}  // namespace defound::phantom
