#include <iostream>
#include "cli.h"
#include "defound/tasks/data_cache_latents.h"
#include "defound/tasks/data_import.h"
#include "defound/tasks/data_scan.h"
#include "defound/tasks/data_split.h"
#include "defound/tasks/data_stats.h"
#include "defound/tasks/phantom.h"

using namespace defound;
int main(int argc, char** argv) {
  return tool::guard([&] {
    auto [scan, split, stats] = std::tuple<DataScanConfig, DataSplitConfig, DataStatsConfig>();
    auto [phantom, import, cache] = std::tuple<PhantomConfig, DataImportConfig, DataCacheLatentsConfig>();
    const auto print = [](const std::string& text) { return std::cout << text << std::flush, 0; };
    tool::Cli cli("defound-data", "Looks at image sets, splits them, makes them, encodes them for training.",
                  "  defound-data scan --data images --output checked\n  defound-data split --data images --shares 0.7,0.1,0.2 --output split/manifest.csv\n"
                  "  defound-data phantom --modality cxr --count 1000 --output phantoms\n"
                  "  defound-data import --train train.pkl --test test.pkl --image_root IDRiD --output idrid\n"
                  "  defound-data cache-latents --generator stable-diffusion-v1-4 --data split/manifest.csv --output cache\n");
    cli.verb("scan", "open every image: counts, sizes, unreadable files, duplicates", scan, [&] { return print(data_scan(scan)); });
    cli.verb("split", "train, val and test by patient, stratified by label", split, [&] { return print(data_split(split)); });
    cli.verb("stats", "mean and deviation of the channels, sizes, class balance", stats, [&] { return print(data_stats(stats)); });
    cli.verb("phantom", "make a labelled set of drawn fundus photographs or chest radiographs", phantom, [&] { return make_phantoms(phantom), 0; });
    cli.verb("import", "turn DERETFound's pickled split lists into a manifest", import, [&] { return print(data_import(import)); });
    cli.verb("cache-latents", "encode images and prompts once, for training generators", cache,
             [&] { return static_cast<int>(data_cache_latents(cache, cli.command(), std::cout)); });
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
