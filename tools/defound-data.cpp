#include <iostream>

#include "cli.h"
#include "defound/tasks/data_scan.h"
#include "defound/tasks/data_split.h"
#include "defound/tasks/data_stats.h"
#include "defound/tasks/phantom.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    DataScanConfig scan;
    DataSplitConfig split;
    DataStatsConfig stats;
    PhantomConfig phantom;
    const auto print = [](const std::string& text) { return std::cout << text << std::flush, 0; };
    tool::Cli cli("defound-data", "Looks at image sets, splits them, makes them.",
                  "  defound-data scan --data images --output checked/manifest.csv\n"
                  "  defound-data split --data images --shares 0.7,0.1,0.2 --seed 1 --output split/manifest.csv\n"
                  "  defound-data stats --data split/manifest.csv --split train --json\n"
                  "  defound-data phantom --modality fundus --count 1000 --size 96 --seed 1 --output phantoms\n");
    cli.verb("scan", "open every image: counts, sizes, unreadable files, duplicates", scan, [&] { return print(data_scan(scan)); });
    cli.verb("split", "train, val and test by patient, stratified by label", split, [&] { return print(data_split(split)); });
    cli.verb("stats", "mean and deviation of the channels, sizes, class balance", stats, [&] { return print(data_stats(stats)); });
    cli.verb("phantom", "make a labelled set of drawn fundus photographs or chest radiographs", phantom, [&] { return make_phantoms(phantom), 0; });
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
