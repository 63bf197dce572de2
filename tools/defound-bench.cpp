#include <iostream>

#include "cli.h"
#include "defound/tasks/bench.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    BenchPretrainConfig pretrain;
    BenchFinetuneConfig finetune;
    BenchLoaderConfig loader;
    BenchDenoiseConfig denoise;
    BenchSampleConfig sample;
    BenchSynthesizePlanConfig synthesize_plan;
    const auto print = [](const Json& row) { return std::cout << (row.is_null() ? "" : row.dump() + "\n"), 0; };  // null: not the first process
    tool::Cli cli("defound-bench", "Measures one piece of work and prints one JSON row: step_seconds (median), images_per_second.",
                  "  defound-bench pretrain --model base --batch 16 --precision bf16\n"
                  "  defound-bench loader --data images --num_workers 2\n  defound-bench denoise --unet sd1\n");
    cli.verb("pretrain", "one MAE pretraining step: forward, backward, AdamW", pretrain, [&] { return print(bench_pretrain(pretrain)); });
    cli.verb("finetune", "one supervised fine-tuning step of a vision transformer", finetune, [&] { return print(bench_finetune(finetune)); });
    cli.verb("loader", "decode, RandomResizedCrop, flip, normalize", loader, [&] { return print(bench_loader(loader)); });
    cli.verb("denoise", "one guided call of a conditional UNet", denoise, [&] { return print(bench_denoise(denoise)); });
    cli.verb("sample", "a guided DDIM sampling loop of a small pixel-space UNet", sample, [&] { return print(bench_sample(sample)); });
    cli.verb("synthesize_plan", "a synthesis job of many rows without its network: planning, writing, merging, starting again",
             synthesize_plan, [&] { return print(bench_synthesize_plan(synthesize_plan)); });
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
