#include <iostream>

#include "cli.h"
#include "defound/tasks/explain_reconstruct.h"

using namespace defound;

int main(int argc, char** argv) {
  return tool::guard([&] {
    ExplainReconstructConfig reconstruct;
    tool::Cli cli("defound-explain", "Shows what a model sees.",
                  "  defound-explain reconstruct --model runs/mae --data images --count 16 --output runs/reconstruction\n"
                  "  defound-explain reconstruct --model mae_pretrain_vit_large_full.pth --arch mae_vit_large_patch16 --data images --output out\n");
    cli.verb("reconstruct", "hide patches, let a masked autoencoder predict them; normalized predictions (norm_pix_loss) get the true "
                            "patches' mean and variance back, which only the image itself knows", reconstruct,
             [&] { return static_cast<int>(explain_reconstruct(reconstruct, cli.command(), std::cout)); });
    return cli.parse(argc, argv) ? cli.run_verb() : cli.exit_code();
  });
}
