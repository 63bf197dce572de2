#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/finetune.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: save, then leave
    FinetuneConfig config;
    tool::Cli cli("defound-finetune", "Fine-tune a vision transformer on labelled images.",
                  "  defound-finetune --data images/manifest.csv --init runs/mae --output runs/classifier\n"
                  "  defound-finetune --data images --model vit_base_patch16 --epochs 20 --output runs/scratch\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    return static_cast<int>(finetune(config, cli.command(), std::cout));
  });
}
