#include "defound/data/shard_table.h"

#include <gtest/gtest.h>

#include "defound/data/check_images.h"
#include "defound/data/data_ancestry.h"
#include "defound/data/image_dataset.h"
#include "defound/data/image_files.h"
#include "defound/data/load_table.h"
#include "defound/data/manifest.h"
#include "support/made_shards.h"
#include "support/rejection.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::made_sample;
using testing::rejection_of;
using testing::TempFolder;
using testing::write_shard;

ImageTable load_packed(const fs::path& data, const std::string& label_column = "label") {
  DataOptions options;
  options.data = {data.string()};
  options.label_column = label_column;
  return load_table(options);
}

std::string packed_fault(const fs::path& data) {
  return rejection_of([&] { load_packed(data); });
}

bool tells(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

testing::Members operator+(testing::Members a, const testing::Members& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Two shards of two images each, and the same four images in class folders.
struct MadeShards {
  TempFolder folder;
  MadeShards() {
    write_shard(folder / "shards/shard-000000.tar",
                made_sample(0, R"({"label": "ill", "patient": "p0", "split": "train", "age": 61, "prompt": "a, b"})") +
                    made_sample(1, R"({"label": "healthy", "patient": "p1", "source": "real"})"));
    write_shard(folder / "shards/shard-000001.tar",
                made_sample(2, R"({"label": ["a", "b"], "sex": "F", "age": null})") + made_sample(3, "{}"));
    for (int i = 0; i < 4; ++i) testing::write_made_image(folder.path(), fmt::format("plain/c/{:06}.png", i), i);
  }
  fs::path pattern() const { return folder / "shards/*.tar"; }
};

TEST(ShardTable, RowsHaveWhatTheirJsonSays) {
  const MadeShards made;
  const ImageTable table = load_packed(made.pattern());
  ASSERT_EQ(table.size(), 4);
  EXPECT_EQ(table.rows[0].path, made.folder / "shards/shard-000000.tar#000000.png");
  EXPECT_EQ(table.rows[0].label_name, "ill");
  EXPECT_EQ(table.rows[0].patient, "p0");
  EXPECT_TRUE(table.rows[0].patient_known);
  EXPECT_EQ(table.rows[0].split, "train");
  EXPECT_EQ(table.rows[0].prompt, "a, b");
  EXPECT_EQ(table.rows[1].source, "real");
  EXPECT_EQ(table.rows[2].label_name, "a|b");
  EXPECT_FALSE(table.rows[2].patient_known);
  EXPECT_EQ(table.rows[3].label, -1);
  EXPECT_EQ(table.classes, (std::vector<std::string>{"a|b", "healthy", "ill"}));
  EXPECT_EQ(table.extra_columns, (std::vector<std::string>{"age", "sex"}));
  EXPECT_EQ(table.rows[0].extra, (std::vector<std::string>{"61", ""}));
  EXPECT_EQ(table.rows[2].extra, (std::vector<std::string>{"", "F"}));
  EXPECT_EQ(load_packed(made.pattern(), "age").rows[0].label_name, "61");
  EXPECT_EQ(load_packed(made.folder / "shards/shard-000001.tar").size(), 2);
}

TEST(ShardTable, PixelsAndHashesAreThoseOfTheFiles) {
  const MadeShards made;
  const ImageTable packed = load_packed(made.pattern()), plain = load_packed(made.folder / "plain");
  EXPECT_EQ(image_hashes(packed, 2), image_hashes(plain, 2));
  EXPECT_TRUE(check_images(packed, 2).empty());
  const ImageDataset in_shards(packed, transform_preset("mae", 16)), in_files(plain, transform_preset("mae", 16), 0);
  for (int64_t epoch = 0; epoch < 2; ++epoch)
    for (int64_t i = 0; i < 4; ++i)
      EXPECT_TRUE(torch::equal(in_shards.get(i, Draws(1, "a"), sample_id(epoch, i)).image,
                               in_files.get(i, Draws(1, "a"), sample_id(epoch, i)).image));
}

TEST(ShardTable, AManifestAddressesMembers) {
  const MadeShards made;
  write_manifest(made.folder / "lists/manifest.csv", load_packed(made.pattern()));
  const std::string text = read_text(made.folder / "lists/manifest.csv");
  EXPECT_TRUE(tells(text, "../shards/shard-000000.tar#000000.png,ill,p0,train,\"a, b\",,61,")) << text;
  const ImageTable table = load_packed(made.folder / "lists");
  ASSERT_EQ(table.size(), 4);
  EXPECT_EQ(table.rows[0].path.lexically_normal(), made.folder / "shards/shard-000000.tar#000000.png");
  EXPECT_TRUE(check_images(table, 1).empty());
  made.folder
      .write("lists/manifest.csv",
             "path\n../shards/shard-000000.tar#000000.png\n../shards/shard-000000.tar#000009.png\n../shards/none.tar#1.png\n");
  const auto bad = check_images(load_packed(made.folder / "lists"), 2);
  ASSERT_EQ(bad.size(), 2u);
  EXPECT_TRUE(tells(bad[0].reason, "holds no member named 000009.png")) << bad[0].reason;
  EXPECT_TRUE(tells(bad[1].reason, "none.tar does not exist")) << bad[1].reason;
}

TEST(ShardTable, WebDatasetsOwnMembersAreRead) {
  const TempFolder folder;
  const std::string png = encode_png(testing::made_image(1));
  write_shard(folder / "a.tar", {{"x/001.left.png", png},
                                 {"x/001.right.png", png},
                                 {"x/001.cls", "3\n"},
                                 {"x/001.txt", "a fundus\n"},
                                 {"x/002.png", png},
                                 {"x/002.cls", "4"},
                                 {"x/002.json", R"({"label": "from json", "__key__": "x/002"})"},
                                 {"x/003.npy", "no image"}});
  const ImageTable table = load_packed(folder / "a.tar");
  ASSERT_EQ(table.size(), 3);
  EXPECT_EQ(table.rows[0].label_name, "3");
  EXPECT_EQ(table.rows[1].label_name, "3");
  EXPECT_EQ(table.rows[1].prompt, "a fundus");
  EXPECT_EQ(table.rows[2].label_name, "from json");
  EXPECT_TRUE(table.extra_columns.empty());
}

TEST(ShardTable, FaultsAreNamed) {
  const MadeShards made;
  const auto shard_with = [&](const std::string& json) {
    return write_shard(made.folder / "bad/bad.tar", made_sample(7, json));
  };
  EXPECT_TRUE(tells(packed_fault(shard_with("[1]")), "bad.tar#000007.json: expected an object"));
  EXPECT_TRUE(tells(packed_fault(shard_with("{\"label\": {\"a\": 1}}")),
                    "bad.tar#000007.json: expected an object of texts and numbers"));
  EXPECT_TRUE(tells(packed_fault(shard_with("{\"split\": \"tset\"}")), "bad.tar#000007.png: the split is 'tset'"));
  EXPECT_TRUE(tells(packed_fault(shard_with("{broken")), "bad.tar#000007.json"));
  EXPECT_TRUE(tells(packed_fault(made.folder / "none/*.tar"), "matches no file"));
  EXPECT_TRUE(tells(packed_fault(made.folder / "none.tar"), "matches no file"));
  EXPECT_TRUE(tells(packed_fault(made.folder / "shards"), "holds shards; name them with a quoted pattern"));
  made.folder.write("shards/readme.txt", "x");
  EXPECT_TRUE(tells(packed_fault(made.folder / "shards/*"), "readme.txt, which is no shard"));
  write_shard(made.folder / "text.tar", {{"a.txt", "x"}});
  EXPECT_TRUE(tells(packed_fault(made.folder / "text.tar"), "text.tar holds no image"));
  fs::resize_file(made.folder / "shards/shard-000001.tar", 1024);
  EXPECT_TRUE(tells(packed_fault(made.pattern()), "shard-000001.tar: the member at byte 0 claims"));
}

TEST(ImageFiles, ThousandsOfShardsKeepNoDescriptor) {
  const TempFolder folder;
  const ImageFiles files;
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()); };
  const auto before = descriptors();
  std::string storage;
  for (int i = 0; i < 50; ++i) {
    const fs::path shard = write_shard(folder / fmt::format("{}.tar", i), {{"a.png", std::to_string(i)}});
    EXPECT_EQ(files.bytes(shard.string() + "#a.png", storage), std::to_string(i));
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(files.bytes(folder / "7.tar#a.png", storage), "7");
}

}  // namespace
}  // namespace defound
