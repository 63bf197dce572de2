#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/pretrain.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: save, then leave
    PretrainConfig config;
    tool::Cli cli("defound-pretrain", "Pretrain a masked autoencoder on one or more image sets.",
                  "  defound-pretrain --data synthetic --output runs/mae-synthetic\n"
                  "  defound-pretrain --data images/manifest.csv --init runs/mae-synthetic --output runs/mae\n"
                  "  defound-pretrain --config configs/retfound-de/pretrain-real.json --data real --dry_run\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    return static_cast<int>(pretrain(config, cli.command(), std::cout));
  });
}
