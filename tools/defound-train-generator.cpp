#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/train_generator.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: save, then leave
    TrainGeneratorConfig config;
    tool::Cli cli("defound-train-generator", "Train a conditional diffusion generator on labelled images.",
                  "  defound-train-generator --data images/manifest.csv --resolution 64 --max_train_steps 20000 --output runs/generator\n"
                  "  defound-train-generator --data images --init runs/generator/generator --output runs/generator-2\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    return static_cast<int>(train_generator(config, cli.command(), std::cout));
  });
}
