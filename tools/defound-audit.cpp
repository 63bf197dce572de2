#include <iostream>

#include "cli.h"
#include "defound/core/stop.h"
#include "defound/tasks/audit.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    AuditConfig config;
    tool::Cli cli("defound-audit",
                  "Is a synthetic image set good, and does it copy no patient? Fidelity, coverage, copies, labels, a report.",
                  "  defound-audit --data synthetic --reference split/manifest.csv --output runs/audit\n"
                  "  defound-audit --data synthetic --reference split/manifest.csv --encoder runs/mae --linear_probe "
                  "--classifier runs/cls \\\n"
                  "                --write_filtered --output runs/audit\n"
                  "  defound-audit --data synthetic --reference images --features_data a.npy --features_reference b.npy "
                  "--output runs/audit\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    const StopSignal stop;   // SIGINT, SIGTERM, SIGUSR1: leave with 75
    return static_cast<int>(audit(config, cli.command(), std::cout));
  });
}
