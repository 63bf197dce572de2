#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/synthesize.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    const StopSignal stop;  // SIGINT, SIGTERM, SIGUSR1: save, then leave
    SynthesizeConfig config;
    tool::Cli cli(
        "defound-synthesize", "Make a labelled synthetic image set with a trained generator.",
        "  defound-synthesize --generator runs/generator/generator --count 1000 --output synthetic\n"
        "  defound-synthesize --generator runs/generator/generator --count glaucoma=500 --count normal=20 --output synthetic\n"
        "  defound-synthesize --generator runs/generator/generator --data images --balance_to 2000 --output synthetic\n"
        "  defound-synthesize ... --format shards --part 0/8 (to 7/8), then --merge\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    return static_cast<int>(synthesize(config, cli.command(), std::cout));
  });
}
