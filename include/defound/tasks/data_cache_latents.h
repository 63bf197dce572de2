#pragma once
#include <iosfwd>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct DataCacheLatentsConfig : RunConfig<DataCacheLatentsConfig> {
  DataCacheLatentsConfig();
  std::string generator;
  int64_t resolution = 512, crops = 1;
  double crop_jitter = 0.1;
  std::vector<std::string> prompt_template{"{label}"};
  std::string latent_type = "fp16";
  int64_t images_per_shard = 512, batch_size = 8;
  DataOptions data;
  RunOptions run;
  ExecutionOptions execution;
  void visit(Visitor& v) override;
};

/// Encodes what defound-train-generator would encode again and again, once: views of each image by the generator's vae,
/// each distinct prompt by its text encoder. Writes a folder of cached latents (data/latent_cache_info.h), shard by
/// shard; started again with --resume auto it makes what is missing. kSaved after a signal. Rejects (exit 2) a generator
/// without a vae, another resolution than its own, and what load_training_data rejects.
ExitCode data_cache_latents(DataCacheLatentsConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
