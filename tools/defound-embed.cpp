#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/embed.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    EmbedConfig config;
    tool::Cli cli("defound-embed", "Features of images from an encoder, and probes on them: k nearest neighbors, logistic regression.",
                  "  defound-embed --model runs/mae --data images --output runs/features\n"
                  "  defound-embed --model runs/mae --data split/manifest.csv --knn 20 --linear_probe --output runs/probes\n"
                  "  defound-embed --model RETFound_mae_natureCFP.pth --data images --output runs/retfound\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: leave with 75
    return static_cast<int>(embed(config, cli.command(), std::cout));
  });
}
