#include <iostream>

#include "cli.h"
#include "defound/tasks/weights_convert.h"
#include "defound/tasks/weights_diff.h"
#include "defound/tasks/weights_inspect.h"
#include "defound/tasks/weights_merge.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    WeightsInspectConfig inspect;
    WeightsConvertConfig convert;
    WeightsDiffConfig diff;
    WeightsMergeConfig merge;
    const auto print = [](const std::string& text, int code = 0) { return std::cout << text << std::flush, code; };
    const auto compare = [&](const WeightsDiff& found) { return print(found.text, found.equal ? 0 : 1); };
    tool::Cli cli("defound-weights", "Looks into files of weights, converts, compares and merges them.",
                  "  defound-weights inspect RETFound_mae_natureCFP.pth\n"
                  "  defound-weights convert checkpoint-best.pth --to timm --output classifier.safetensors\n"
                  "  defound-weights diff runs/a/mae.safetensors runs/b/mae.safetensors --tolerance 1e-6   (1: they differ)\n"
                  "  defound-weights merge stable-diffusion-v1-4 --lora runs/macular_hole:0.8 --output merged\n");
    cli.verb("inspect", "what a file is, and what it can be used for", inspect, [&] { return print(weights_inspect(inspect)); }, {"file"});
    cli.verb("convert", "another program's names, another container", convert, [&] { return print(weights_convert(convert)); }, {"file"});
    cli.verb("diff", "names, shapes, types and values that differ; exit code 1 if any do", diff, [&] { return compare(weights_diff(diff)); }, {"a", "b"});
    cli.verb("merge", "LoRA adapters into the weights that they change", merge, [&] { return print(weights_merge(merge)); }, {"base"});
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
