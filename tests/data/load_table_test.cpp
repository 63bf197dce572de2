#include "defound/data/load_table.h"

#include <gtest/gtest.h>

#include "defound/data/data_ancestry.h"
#include "defound/data/manifest.h"
#include "support/made_images.h"
#include "support/ordinary_user.h"
#include "support/rejection.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::rejection_of;
using testing::TempFolder;
using Names = std::vector<std::string>;

DataOptions from(const std::vector<fs::path>& paths) {
  DataOptions options;
  for (const auto& path : paths) options.data.push_back(path.string());
  return options;
}

std::string rejection(const DataOptions& options, const TableRules& rules = {}) {
  return rejection_of([&] { load_table(options, rules); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Manifest, ColumnsInAnyOrderAndFurtherOnesAreKept) {
  const TempFolder folder;
  const auto path = folder.write("sub/manifest.csv", "age,path,split,label,patient,prompt,source\r\n61,a/x.png,train,dr,p1,\"a, prompt\",real\r\n,../y.png,,,,,\r\n");
  const ImageTable table = load_table(from({path}));
  ASSERT_EQ(table.size(), 2);
  EXPECT_EQ(table.rows[0].path, folder / "sub/a/x.png");
  EXPECT_EQ(table.rows[0].patient, "p1");
  EXPECT_EQ(table.rows[0].prompt, "a, prompt");
  EXPECT_EQ(table.rows[0].source, "real");
  EXPECT_EQ(table.rows[0].label, 0);
  EXPECT_EQ(table.rows[0].origin, path.string() + ":2");
  EXPECT_EQ(table.rows[1].path, folder / "y.png");
  EXPECT_EQ(table.rows[1].label, -1);
  EXPECT_FALSE(table.rows[1].patient_known);
  EXPECT_NE(table.rows[1].patient, "");
  EXPECT_EQ(table.extra_columns, Names{"age"});
  EXPECT_EQ(table.rows[0].extra, Names{"61"});
}

TEST(Manifest, UnknownPatientsAreSaidOfRealImagesOnly) {
  const TempFolder folder;
  const auto said = [&](const std::string& rows) {
    ::testing::internal::CaptureStderr();
    load_table(from({folder.write("manifest.csv", "path,label,source\n" + rows)}));
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_TRUE(contains(said("a.png,x,synthetic\nb.png,x,real\nc.png,x,\n"), "the patient of 2 of 3 images is not known"));
  EXPECT_FALSE(contains(said("a.png,x,synthetic\nb.png,x,synthetic\n"), "not known"));
}

TEST(Manifest, WrittenElsewhereItStillFindsTheFiles) {
  const TempFolder folder;
  const auto path = folder.write("data/manifest.csv", "path,label,patient,site\nx.png,dr,p1,north\n/else/y.png,normal,,\n");
  const ImageTable table = load_table(from({path}));
  write_manifest(folder / "runs/split/manifest.csv", table);
  const ImageTable again = load_table(from({folder / "runs/split/manifest.csv"}));
  ASSERT_EQ(again.size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again.rows[i].path, table.rows[i].path);
    EXPECT_EQ(again.rows[i].label_name, table.rows[i].label_name);
    EXPECT_EQ(again.rows[i].patient, table.rows[i].patient);
    EXPECT_EQ(again.rows[i].patient_known, table.rows[i].patient_known);
    EXPECT_EQ(again.rows[i].extra, table.rows[i].extra);
  }
  EXPECT_TRUE(contains(read_text(folder / "runs/split/manifest.csv"), "../../data/x.png"));
}

TEST(Manifest, FaultsAreNamed) {
  const TempFolder folder;
  int number = 0;
  const auto message = [&](const std::string& text) { return rejection(from({folder.write(std::to_string(number++) + ".csv", text)})); };
  EXPECT_TRUE(contains(message("file,label\na.png,x\n"), "no column 'path'"));
  EXPECT_TRUE(contains(message("path;label\na.png;x\n"), "separate the fields with commas"));
  EXPECT_TRUE(contains(message("path,label,label\na.png,x,y\n"), "two columns are named 'label'"));
  EXPECT_TRUE(contains(message("path,split\na.png,train\nb.png,tran\n"), "3.csv:3: the split is 'tran'"));
  EXPECT_TRUE(contains(message("path,split\n,train\n"), "the path is empty"));
  EXPECT_TRUE(contains(message("path\n"), "lists no image"));
  EXPECT_TRUE(contains(message(""), "is empty"));
}

TEST(LoadTable, PatientInTwoSplitsIsRejectedWithNamesAndFiles) {
  const TempFolder folder;
  const auto path = folder.write("m.csv", "path,patient,split\na.png,p1,train\nb.png,p2,test\nc.png,p1,test\n");
  const std::string message = rejection(from({path}));
  for (const char* part : {"patient p1", "train", "a.png", "m.csv:2", "test", "c.png", "m.csv:4"}) EXPECT_TRUE(contains(message, part)) << message;
  const auto one = folder.write("one.csv", "path,patient,split\na.png,p1,train\n"), two = folder.write("two.csv", "path,patient,split\nb.png,p1,val\n");
  EXPECT_TRUE(contains(rejection(from({one, two})), "patient p1"));
  const auto same_file = folder.write("same.csv", "path,split\na.png,train\na.png,val\n");
  EXPECT_TRUE(contains(rejection(from({same_file})), "a.png is in split train"));
}

TEST(LoadTable, ClassFoldersAreSortedWhateverTheCaseOfExtensions) {
  const TempFolder folder;
  for (const char* name : {"normal/b.PNG", "normal/a.jpeg", "dr/deep/er/c.Tif", "dr/.hidden.png", "dr/notes.txt", ".cache/x.png"}) folder.write(name, "");
  const ImageTable table = load_table(from({folder.path()}));
  ASSERT_EQ(table.size(), 3);
  EXPECT_EQ(table.classes, (Names{"dr", "normal"}));
  EXPECT_EQ(table.rows[0].path, folder / "dr/deep/er/c.Tif");
  EXPECT_EQ(table.rows[1].path, folder / "normal/a.jpeg");
  EXPECT_EQ(table.rows[2].label, 1);
  EXPECT_EQ(class_counts(table), (std::vector<int64_t>{1, 2}));
}

TEST(LoadTable, SplitFoldersAndFlatFolders) {
  const TempFolder folder;
  for (const char* name : {"split/train/dr/a.png", "split/test/dr/b.png", "split/train/normal/c.png", "flat/a.png"}) folder.write(name, "");
  DataOptions options = from({folder / "split"});
  options.split = "train";
  EXPECT_EQ(load_table(options).size(), 2);
  options.split = "val";
  EXPECT_TRUE(contains(rejection(options), "no image is in split val; there are: test, train"));
  EXPECT_TRUE(load_table(from({folder / "flat"})).classes.empty());
  options = from({folder / "flat"});
  options.split = "train";
  EXPECT_TRUE(contains(rejection(options), "defound-data split"));
  EXPECT_EQ(training_rows(load_table(from({folder / "split"}))).size(), 2);
  EXPECT_EQ(training_rows(load_table(from({folder / "flat"}))).size(), 1);
}

TEST(LoadTable, FoldersThatCannotBeMeantAreRejected) {
  const TempFolder folder;
  folder.write("beside/dr/a.png", ""), folder.write("beside/stray.png", "");
  folder.write("hole/dr/a.png", ""), fs::create_directories(folder / "hole/normal");
  fs::create_directories(folder / "empty");
  folder.write("text.txt", "");
  folder.write("one/dr/a.png", "");
  TableRules classifier;
  classifier.labels_required = true;
  EXPECT_TRUE(contains(rejection(from({folder / "beside"})), "stray.png lies beside class folders"));
  EXPECT_TRUE(contains(rejection(from({folder / "hole"})), "hole/normal holds no image"));
  EXPECT_TRUE(contains(rejection(from({folder / "empty"})), "holds no image"));
  EXPECT_TRUE(contains(rejection(from({folder / "missing"})), "missing does not exist"));
  EXPECT_TRUE(contains(rejection(from({folder / "text.txt"})), "must be a folder of images, a manifest (.csv) or shards"));
  EXPECT_TRUE(contains(rejection(from({})), "--data"));
  EXPECT_TRUE(contains(rejection(from({folder / "one"}), classifier), "has only 'dr'"));
}

TEST(LoadTable, ClassOrderComesFromRulesLabelsFileOrNames) {
  const TempFolder folder;
  for (const char* name : {"a/x.png", "b/x.png", "c/x.png"}) folder.write(std::string("set/") + name, "");
  DataOptions options = from({folder / "set"});
  EXPECT_EQ(load_table(options).classes, (Names{"a", "b", "c"}));
  folder.write("set/classes.json", R"(["c", "a", "b"])");
  EXPECT_EQ(load_table(options).rows[0].label, 1);
  options.labels = {"b", "a"};
  const ImageTable subset = load_table(options);
  EXPECT_EQ(subset.classes, (Names{"b", "a"}));
  EXPECT_EQ(subset.size(), 2);
  EXPECT_EQ(subset.rows[0].label, 1);
  TableRules rules;
  rules.classes = {"z", "b", "a"};
  EXPECT_EQ(load_table(options, rules).rows[0].label, 2);
  options.labels.clear();
  EXPECT_TRUE(contains(rejection(options, rules), "'c' is none of the model's classes"));
  options.labels = {"a", "bb"};
  EXPECT_TRUE(contains(rejection(options), "'bb'"));
  options.labels = {"a", "a"};
  EXPECT_TRUE(contains(rejection(options), "twice"));
  options.labels.clear();
  folder.write("set/classes.json", R"(["a", "b"])");
  EXPECT_TRUE(contains(rejection(options), "'c' is none of the classes of classes.json"));
  folder.write("set/classes.json", R"({"a": 1})");
  EXPECT_TRUE(contains(rejection(options), "list of class names"));
}

TEST(LoadTable, SetsAreMergedInTheGivenOrder) {
  const TempFolder folder;
  folder.write("tree/dr/a.png", "");
  const auto one = folder.write("one.csv", "path,label,age\nb.png,normal,50\n"), two = folder.write("two.csv", "path,label,sex\nc.png,dr,f\n");
  const ImageTable table = load_table(from({two, folder / "tree", one}));
  ASSERT_EQ(table.size(), 3);
  EXPECT_EQ(table.extra_columns, (Names{"sex", "age"}));
  EXPECT_EQ(table.rows[0].extra, (Names{"f", ""}));
  EXPECT_EQ(table.rows[1].extra, (Names{"", ""}));
  EXPECT_EQ(table.rows[2].extra, (Names{"", "50"}));
  EXPECT_EQ(table.classes, (Names{"dr", "normal"}));
}

TEST(LoadTable, AnotherLabelColumn) {
  const TempFolder folder;
  DataOptions options = from({folder.write("m.csv", "path,grade\na.png,2\nb.png,0\n")});
  EXPECT_TRUE(load_table(options).classes.empty());
  options.label_column = "grade";
  EXPECT_EQ(load_table(options).classes, (Names{"0", "2"}));
  options.label_column = "grad";
  EXPECT_TRUE(contains(rejection(options), "did you mean grade?"));
}

TEST(LoadTable, EveryClassIsAskedFor) {
  const TempFolder folder;
  const ImageTable table = load_table(from({folder.write("m.csv", "path,label,split\na.png,x,train\nb.png,y,train\nc.png,x,val\n")}));
  require_every_class(rows_of_split(table, "train"), "split train");
  EXPECT_TRUE(contains(rejection_of([&] { require_every_class(rows_of_split(table, "val"), "split val"); }), "class 'y' has no image in split val"));
}

TEST(LoadTable, AFolderThatMayNotBeEnteredIsSaid) {
  const TempFolder folder;
  folder.write("locked/manifest.csv", "path\na.png\n");
  fs::permissions(folder / "locked", fs::perms::none);
  std::vector<std::string> messages;
  {
    const testing::OrdinaryUser user;
    for (const char* name : {"locked", "locked/manifest.csv"}) messages.push_back(rejection(from({folder / name})));
  }
  fs::permissions(folder / "locked", fs::perms::owner_all);
  for (const auto& message : messages) EXPECT_TRUE(contains(message, "cannot be read: Permission denied")) << message;
}

TEST(LoadTable, StatedDataSetsMayNumberTheirPatientsAlike) {
  const TempFolder folder;
  const auto north = folder.write("north.csv", "path,patient,split,dataset\na.png,1,train,north\nb.png,2,test,north\n");
  const auto south = folder.write("south.csv", "path,patient,split,dataset\nc.png,1,test,south\nd.png,2,train,south\n");
  const auto unstated = folder.write("unstated.csv", "path,patient,split\ne.png,1,val\n");
  EXPECT_EQ(load_table(from({north, south})).size(), 4);
  EXPECT_TRUE(contains(rejection(from({north, south, unstated})), "patient 1 is in split"));
  EXPECT_TRUE(contains(rejection(from({folder.write("m.csv", "path,patient,split,dataset\na.png,1,train,north\nb.png,1,test,south\nc.png,1,val,north\n")})), "m.csv:4"));
}

TEST(DataAncestry, KeepsThePatientsOfStatedDataSetsApart) {
  const TempFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png"}) folder.write(name, name);
  const Ancestry ancestry = data_ancestry(load_table(from({folder.write("m.csv", "path,patient,dataset\na.png,1,north\nb.png,1,south\nc.png,1,\n")})), 1);
  EXPECT_EQ(ancestry.patients, Names{"1"});
  EXPECT_EQ(ancestry.patients_of, (std::map<std::string, Names>{{"north", {"1"}}, {"south", {"1"}}}));
}

TEST(DataAncestry, HoldsKnownPatientsAndHashesOfTheBytes) {
  const TempFolder folder;
  folder.write("a.png", "abc"), folder.write("b.png", "abc"), folder.write("c.png", "other");
  const ImageTable table = load_table(from({folder.write("m.csv", "path,patient\na.png,p2\nb.png,p1\nc.png,\n")}));
  const Ancestry ancestry = data_ancestry(table, 3);
  EXPECT_EQ(ancestry.patients, (Names{"p1", "p2"}));
  ASSERT_EQ(ancestry.image_hashes.size(), 2u);
  EXPECT_TRUE(contains(ancestry.image_hashes[0] + ancestry.image_hashes[1], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  fs::remove(folder / "c.png");
  EXPECT_THROW(data_ancestry(table, 3), Error);
}

}  // namespace
}  // namespace defound
