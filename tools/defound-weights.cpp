#include <iostream>

#include "cli.h"
#include "defound/tasks/weights_convert.h"
#include "defound/tasks/weights_diff.h"
#include "defound/tasks/weights_inspect.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    WeightsInspectConfig inspect;
    WeightsConvertConfig convert;
    WeightsDiffConfig diff;
    const auto print = [](const std::string& text, int code = 0) { return std::cout << text << std::flush, code; };
    const auto compare = [&] {
      const WeightsDiff found = weights_diff(diff);
      return print(found.text, found.equal ? 0 : 1);
    };
    tool::Cli cli("defound-weights", "Looks into files of weights, converts and compares them.",
                  "  defound-weights inspect RETFound_mae_natureCFP.pth\n"
                  "  defound-weights convert checkpoint-best.pth --to timm --output classifier.safetensors\n"
                  "  defound-weights convert mae.safetensors --to mae --drop_decoder --input_size 384 --output encoder384.pth\n"
                  "  defound-weights diff runs/a/mae.safetensors runs/b/mae.safetensors --tolerance 1e-6   (1: they differ)\n");
    cli.verb("inspect", "what a file is, and what it can be used for", inspect, [&] { return print(weights_inspect(inspect)); }, {"file"});
    cli.verb("convert", "another program's names, another container", convert, [&] { return print(weights_convert(convert)); }, {"file"});
    cli.verb("diff", "names, shapes, types and values that differ; exit code 1 if any do", diff, compare, {"a", "b"});
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
