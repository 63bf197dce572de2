#include "defound/data/latent_cache.h"

#include <map>

#include "defound/config/json.h"
#include "defound/tensor/safetensors.h"
#include "support/made_up_latents.h"
#include "support/rejection.h"

namespace defound {
namespace {

using testing::MadeUpLatents;
using testing::rejection_of;

class LatentCacheFiles : public ::testing::Test {
 protected:
  /// Expects that the cache is rejected with a message that holds every word.
  void expect_rejected(const std::vector<std::string>& words) const {
    const std::string message = rejection_of([&] { LatentCache cache(made_.path()); });
    for (const std::string& word : words)
      EXPECT_NE(message.find(word), std::string::npos) << "'" << word << "' is not in: " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  /// Writes a file of the cache again with other content.
  void rewrite(const std::string& name, const std::function<void(Safetensors&)>& change) const {
    Safetensors content = load_safetensors(made_.path() / name);
    for (auto& [key, tensor] : content.tensors) tensor = tensor.clone();
    change(content);
    save_safetensors(made_.path() / name, content.tensors, content.metadata);
  }
  void set_key(const std::string& key, const Json& value) const {
    Json values = parse_json(read_text(made_.path() / "cache.json"), "cache");
    values[key] = value;
    made_.folder.write("cache/cache.json", values.dump());
  }
  MadeUpLatents made_;
  const std::string first_ = "latents-000000.safetensors", last_ = "latents-000002.safetensors",
                    text_ = "text-000000.safetensors";
};

TEST_F(LatentCacheFiles, HoldWhatWasWritten) {
  const LatentCache cache(made_.path());
  EXPECT_EQ(cache.info().shards(), 3);
  for (int64_t image = 0; image < 5; ++image)
    for (int64_t view = 0; view < 4; ++view)
      EXPECT_TRUE(torch::equal(cache.moments(image, view), MadeUpLatents::moments(image)[view])) << image << " " << view;
  EXPECT_EQ(cache.moments(4, 3).scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(cache.texts().at("retina").to(torch::kFloat32), MadeUpLatents::hidden_states()[1]));
  const auto& rows = cache.table().rows;
  EXPECT_EQ(rows[0].label, 0);  // the order of the cache, not of the alphabet
  EXPECT_EQ(rows[1].label, 1);
  EXPECT_EQ(rows[3].label, -1);
  EXPECT_EQ(rows[4].split, "val");
  EXPECT_EQ(rows[2].prompt, "retina");
}

TEST_F(LatentCacheFiles, ShowEachViewEquallyOften) {
  const LatentCache cache(made_.path());
  ImageTable rows = cache.table();
  rows.rows.erase(rows.rows.begin(), rows.rows.begin() + 4);
  const CachedLatents held_out(cache, 4, rows);
  ASSERT_EQ(held_out.size(), 1);
  const Draws draws(7, "augment");
  std::map<int64_t, int64_t> shown;
  constexpr int64_t kEpochs = 4000;
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const Sample sample = held_out.get(0, draws, sample_id(epoch, 0));
    EXPECT_EQ(sample.label, 1);
    ++shown[static_cast<int64_t>(sample.image.flatten()[0].item<float>() - 64) / 3];  // 24 numbers of 1/8 a view
  }
  ASSERT_EQ(shown.size(), 4u);
  for (const auto& [view, count] : shown)
    EXPECT_NEAR(static_cast<double>(count), kEpochs / 4.0, 4 * 28) << view;  // four deviations
  EXPECT_TRUE(torch::equal(held_out.get(0, draws, sample_id(3, 0)).image, held_out.get(0, draws, sample_id(3, 0)).image));
}

TEST_F(LatentCacheFiles, OfAnotherKindAreRejected) {
  fs::remove(made_.path() / "DONE");
  expect_rejected({"is not finished", "--resume auto"});
  fs::remove(made_.path() / "cache.json");
  expect_rejected({"no cache.json", "cache-latents"});
}

TEST_F(LatentCacheFiles, WrongSettingsAreRejectedByKey) {
  const std::string good = read_text(made_.path() / "cache.json");
  const std::vector<std::tuple<std::string, Json, std::string>> faults = {
      {"height", -1, "height"},
      {"height", 1 << 20, "height"},
      {"height", 2.5, "height"},
      {"widht", 2, "width"},
      {"images", 0, "images"},
      {"images_per_shard", 0, "images_per_shard"},
      {"training_images", 6, "6 training_images of 5"},
      {"latent_type", "fp8", "latent_type"},
      {"crops", 1000, "crops"},
      {"classes", Json::array({1}), "classes"},
      {"format_version", 2, "format_version"},
      {"tokens", 0, "2 prompts without tokens"},
      {"seed", 4, "latents-000000"}};  // another id: the files are of another cache
  for (const auto& [key, value, word] : faults) {
    set_key(key, value);
    expect_rejected({word});
    made_.folder.write("cache/cache.json", good);
  }
  Json values = parse_json(good, "cache");
  values.erase("vae");
  made_.folder.write("cache/cache.json", values.dump());
  expect_rejected({"cache.json", "\"vae\" is missing"});
  made_.folder.write("cache/cache.json", "[]");
  expect_rejected({"cache.json"});
  made_.folder.write("cache/cache.json", good);
  EXPECT_EQ(LatentCache(made_.path()).info().images, 5);
}

TEST_F(LatentCacheFiles, ChangedManifestIsRejected) {
  made_.folder.write("cache/manifest.csv", "path\n0.png\n1.png\n2.png\n3.png\n4.png\n");
  expect_rejected({"manifest.csv was changed"});
  made_.info.manifest = sha256_file(made_.path() / "manifest.csv");
  made_.info.images = 6;  // and a cache.json that says so
  made_.write();
  expect_rejected({"manifest.csv", "5 images", "6"});
}

TEST_F(LatentCacheFiles, DamagedOrForeignShardIsRejectedByName) {
  const auto restore = [&] { made_.write(); };
  fs::resize_file(made_.path() / last_, fs::file_size(made_.path() / last_) - 1);
  expect_rejected({last_, "cut off or damaged"});
  fs::resize_file(made_.path() / last_, 20);
  expect_rejected({last_});
  fs::remove(made_.path() / last_);
  expect_rejected({last_, "does not exist"});
  restore(),
      fs::copy_file(made_.path() / first_, made_.path() / "latents-000001.safetensors", fs::copy_options::overwrite_existing);
  expect_rejected({"latents-000001.safetensors", "shard 0"});
  restore(), rewrite(first_, [](Safetensors& content) { content.metadata["defound.cache"] = "00112233"; });
  expect_rejected({first_, "00112233"});
  restore(), rewrite(first_, [](Safetensors& content) { content.metadata.clear(); });
  expect_rejected({first_, "no cache"});
  restore(), rewrite(first_, [](Safetensors& content) {
    content.tensors["moments"] = content.tensors["moments"].slice(1, 0, 3).contiguous();
  });
  expect_rejected({first_, "[2, 3, 6, 2, 2]", "[2, 4, 6, 2, 2]"});
  restore(), rewrite(first_,
                     [](Safetensors& content) { content.tensors["moments"] = content.tensors["moments"].to(torch::kFloat32); });
  expect_rejected({first_, "Float", "Half"});
  restore(), rewrite(first_, [](Safetensors& content) { content.tensors["more"] = torch::ones({1}); });
  expect_rejected({first_, "one tensor"});
  restore(), made_.folder.write("cache/" + first_, "no weights at all");
  expect_rejected({first_});
}

TEST_F(LatentCacheFiles, NotFiniteLatentsAreRejectedWhenTheyAreUsed) {
  rewrite(last_,
          [](Safetensors& content) { content.tensors["moments"][0][1][2][0][1] = std::numeric_limits<float>::quiet_NaN(); });
  const LatentCache cache(made_.path());
  EXPECT_TRUE(torch::equal(cache.moments(4, 0), MadeUpLatents::moments(4)[0]));
  const std::string message = rejection_of([&] { cache.moments(4, 1); });
  EXPECT_NE(message.find(last_), std::string::npos) << message;
  EXPECT_NE(message.find("image 4 are not finite"), std::string::npos) << message;
}

TEST_F(LatentCacheFiles, WrongTextsAreRejected) {
  const auto prompts = [&](const std::string& list) {
    made_.write();
    rewrite(text_, [&](Safetensors& content) { content.metadata["defound.prompts"] = list; });
  };
  prompts(R"(["retina", "retina"])");
  expect_rejected({text_, "'retina' stands twice"});
  prompts(R"(["retina"])");
  expect_rejected({text_, "must list 2 prompts"});
  prompts(R"(["retina", 3])");
  expect_rejected({text_, "expected a text"});
  prompts("[");
  expect_rejected({text_, "not valid JSON"});
  made_.write(),
      rewrite(text_, [](Safetensors& content) { content.tensors["hidden_states"] = torch::zeros({2, 3, 5}, torch::kFloat16); });
  expect_rejected({text_, "[2, 3, 5]"});
}

}  // namespace
}  // namespace defound
