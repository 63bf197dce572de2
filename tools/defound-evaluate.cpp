#include <iostream>

#include "cli.h"
#include "defound/tasks/evaluate.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    EvaluateConfig config;
    tool::Cli cli("defound-evaluate", "Evaluate a fine-tuned classifier: metrics with intervals over patients, predictions, a report.",
                  "  defound-evaluate --model runs/cls --data images/manifest.csv --split test --output runs/cls-test\n"
                  "  defound-evaluate --model runs/cls/best.safetensors --data other_hospital --output runs/cls-external\n");
    cli.bind(config);
    if (!cli.parse(argc, argv)) return cli.exit_code();
    std::cout << evaluate(config);
    return 0;
  });
}
