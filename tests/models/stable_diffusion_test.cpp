#include <gtest/gtest.h>

#include <cstdlib>

#include "defound/models/sample_images.h"
#include "defound/models/text_condition.h"
#include "defound/nn/initialize.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/pth.h"
#include "support/diffusers_golden.h"
#include "support/expect_error.h"
#include "support/small_stable_diffusion.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::DiffusersGolden;
using testing::expect_error;
using testing::relative_error;
using testing::TempFolder;

const fs::path kGoldenFolder = fs::path(DEFOUND_GOLDENS) / "stable_diffusion";

std::vector<std::string> prompts_of(const Safetensors& pair) { return parse_json(pair.metadata.at("prompts"), "prompts").get<std::vector<std::string>>(); }

void copy_golden(const fs::path& to) { fs::copy(kGoldenFolder, to, fs::copy_options::recursive); }

/// Rewrites a weights file under another name.
void rewrite_weights(const fs::path& from, const fs::path& to, const std::function<TensorMap(TensorMap)>& change) {
  const TensorMap changed = change(load_safetensors(from).tensors);
  fs::remove(from);
  save_safetensors(to, changed);
}

void expect_parts(const fs::path& folder, const Safetensors& pair, double tolerance, bool packed = false) {
  const torch::NoGradGuard no_grad;
  Generator generator = Generator::load(folder);
  if (packed) generator.pack_weights();
  UNet2DConditionModel& unet = *generator.model->unet;
  const auto at = [&](const std::string& name) { return pair.tensors.at(name); };
  const std::vector<std::pair<std::string, double>> errors = {
      {"text", relative_error(generator.model->condition->encode(prompts_of(pair), torch::kCPU), at("context"))},
      {"unet", relative_error(unet.forward(at("sample"), at("timesteps"), at("context")), at("prediction"))},
      {"encoder", relative_error(generator.vae->encode(at("images")).mean, at("mean"))},
      {"decoder", relative_error(generator.vae->decode(at("latents")), at("decoded"))}};
  for (const auto& [part, error] : errors) {
    EXPECT_LT(error, tolerance) << part;
    ::testing::Test::RecordProperty(part, fmt::format("{:.2e}", error));
    if (std::getenv("DEFOUND_STABLE_DIFFUSION")) std::cout << fmt::format("{}: relative error {:.2e}\n", part, error);
  }
}

TEST(StableDiffusion, PartsComputeWhatTheirReferencesDo) {
  for (const bool packed : {false, true}) expect_parts(kGoldenFolder, DiffusersGolden("stable_diffusion.safetensors").file, 1e-5, packed);
  // the full size, from the folder that scripts/goldens/check_stable_diffusion.py makes
  if (const char* folder = std::getenv("DEFOUND_STABLE_DIFFUSION"))
    expect_parts(fs::path(folder) / "sd", load_safetensors(fs::path(folder) / "pair.safetensors"), 1e-4, /*packed=*/true);
}

/// The golden's guided run by `sampler`.
torch::Tensor run_golden(Generator& generator, const std::string& sampler) {
  const DiffusersGolden golden("stable_diffusion.safetensors");
  const SampleOptions options{.sampler = {.sampler = sampler, .steps = std::stoll(golden.file.metadata.at("steps"))},
                              .guidance = {.guidance_scale = std::stod(golden.file.metadata.at("guidance_scale"))}};
  return sample_latents(generator, prompts_of(golden.file), golden["start"], step_noise(Draws(0, "noise"), {0, 1}), options);
}

TEST(StableDiffusion, GuidedRunsEndWhereDiffusersDoes) {
  const DiffusersGolden golden("stable_diffusion.safetensors");
  Generator generator = Generator::load(kGoldenFolder);
  EXPECT_TRUE(generator.scheduler.skip_prk_steps);
  for (const std::string sampler : {"pndm", "ddim"}) {
    generator.pack_weights();   // as synthesis does
    const torch::Tensor latents = run_golden(generator, sampler);
    EXPECT_LT(relative_error(latents, golden[sampler]), 1e-3) << sampler;
    EXPECT_LT((generator.decode(latents) - golden[sampler + "_images"]).abs().max().item<double>(), 1e-3) << sampler;
  }
}

TEST(StableDiffusion, ReadsTheFolderOfVersion14) {
  const TempFolder temp;
  const fs::path folder = temp / "sd";
  copy_golden(folder);
  // names of 2022, half-precision variants, positions in the text encoder, no word of what is absent
  rewrite_weights(folder / "vae" / "diffusion_pytorch_model.safetensors", folder / "vae" / "diffusion_pytorch_model.fp16.safetensors", [](const TensorMap& weights) {
    TensorMap old;
    for (const auto& [name, tensor] : weights) {
      std::string key = name;
      for (const auto& [now, then] : {std::pair{".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}})
        if (const size_t at = key.find(now); at != std::string::npos) key.replace(at, std::string(now).size(), then);
      old[key] = tensor.to(torch::kHalf);
    }
    return old;
  });
  rewrite_weights(folder / "text_encoder" / "model.safetensors", folder / "text_encoder" / "model.fp16.safetensors", [](const TensorMap& weights) {
    TensorMap old = clip_text_weights(weights);
    old["text_model.embeddings.position_ids"] = torch::arange(20).unsqueeze(0);
    return old;
  });
  Json index = parse_json(read_text(folder / "model_index.json"), "index");
  for (const char* part : {"safety_checker", "feature_extractor", "image_encoder"}) index.erase(part);
  write_atomic(folder / "model_index.json", index.dump());
  Generator old = Generator::load(folder), now = Generator::load(kGoldenFolder);
  EXPECT_TRUE(torch::equal(run_golden(old, "pndm"), run_golden(now, "pndm")));
  EXPECT_LT(relative_error(old.decode(torch::ones({1, 4, 8, 8})), now.decode(torch::ones({1, 4, 8, 8}))), 1e-2);
  // StableDiffusionPipeline mends schedulers of that time
  Json scheduler = parse_json(read_text(folder / "scheduler" / "scheduler_config.json"), "scheduler");
  scheduler.erase("clip_sample"), scheduler["steps_offset"] = 0;
  write_atomic(folder / "scheduler" / "scheduler_config.json", scheduler.dump());
  EXPECT_FALSE(Generator::load(folder).scheduler.clip_sample);
  EXPECT_EQ(Generator::load(folder).scheduler.steps_offset, 1);
}

TEST(StableDiffusion, ReadsFilesOfTorchSave) {
  const TempFolder temp;
  const fs::path folder = temp / "sd";
  copy_golden(folder);
  for (const auto& [part, from, to] : {std::tuple{"unet", "diffusion_pytorch_model", "diffusion_pytorch_model"}, {"text_encoder", "model", "pytorch_model"}}) {
    const fs::path file = folder / part / (std::string(from) + ".safetensors");
    save_pth(folder / part / (std::string(to) + ".bin"), load_safetensors(file).tensors);
    fs::remove(file);
  }
  Generator pickled = Generator::load(folder), now = Generator::load(kGoldenFolder);
  EXPECT_TRUE(torch::equal(run_golden(pickled, "ddim"), run_golden(now, "ddim")));
}

TEST(StableDiffusion, SavesAFolderThatKnowsItsLabels) {
  const TempFolder temp;
  Generator generator = Generator::load(kGoldenFolder);
  EXPECT_TRUE(generator.labels().empty());
  dynamic_cast<TextCondition&>(*generator.model->condition).set_labels({{"mild", "mild retinopathy"}, {"normal", "Normal, 45° fundus!"}});
  EXPECT_EQ(state_dict(*generator.model).size(), state_dict(*generator.model->unet).size());  // nothing of the text encoder is trained
  generator.save(temp / "saved", state_dict(*generator.model));
  Generator loaded = Generator::load(temp / "saved");
  EXPECT_EQ(loaded.labels(), (std::vector<std::string>{"mild", "normal"}));
  EXPECT_EQ(loaded.model->condition->request_for("mild"), "mild retinopathy");
  expect_error(ExitCode::kUsage, "did you mean 'mild'", [&] { (void)loaded.model->condition->request_for("mid"); });
  EXPECT_TRUE(torch::equal(run_golden(loaded, "ddim"), run_golden(generator, "ddim")));
  const Json index = parse_json(read_text(temp / "saved" / "model_index.json"), "index");
  EXPECT_EQ(index["scheduler"][1], "PNDMScheduler");
  EXPECT_EQ(parse_json(read_text(temp / "saved/scheduler/scheduler_config.json"), "scheduler")["_class_name"], "PNDMScheduler");
  EXPECT_EQ(index["_class_name"], "StableDiffusionPipeline");
  EXPECT_TRUE(index["safety_checker"][0].is_null());
  for (const char* file : {"vocab.json", "merges.txt", "tokenizer_config.json"})
    EXPECT_EQ(read_text(temp / "saved" / "tokenizer" / file), read_text(kGoldenFolder / "tokenizer" / file)) << file;
  const std::vector<int64_t> labels = {0, 1, -1};
  const std::vector<uint64_t> seeds = {1, 2, 3};
  const std::vector<std::string> requests = {"mild retinopathy", "Normal, 45° fundus!", ""};
  const SampleOptions options{.sampler = {.steps = 2}};
  const torch::Tensor images = sample_images(loaded, labels, seeds, options);
  EXPECT_TRUE(torch::equal(images, sample_images(loaded, requests, seeds, options)));
  const SampleOptions sliced{.sampler = {.steps = 2}, .vae_slicing = true};
  EXPECT_TRUE(torch::allclose(sample_images(loaded, labels, seeds, sliced), images, 0, 1e-5));
}

TEST(TextCondition, TokensDependOnTheirPromptOnly) {
  const auto condition = TextCondition::load(kGoldenFolder), fresh = TextCondition::load(kGoldenFolder);
  const std::vector<std::string> many = {"one", "", "two", "one"}, two = {"two"};
  const torch::Tensor together = condition->encode(many, torch::kCPU);
  EXPECT_EQ(together.sizes(), (torch::IntArrayRef{4, condition->sequence_length(), condition->width()}));
  EXPECT_TRUE(torch::equal(together[0], together[3]));
  EXPECT_FALSE(torch::equal(together[0], together[2]));
  EXPECT_TRUE(torch::equal(together[2], fresh->encode(two, torch::kCPU)[0]));
  EXPECT_TRUE(torch::equal(condition->encode(many, torch::kCPU), together));
  EXPECT_TRUE(condition->parameters().empty());
  EXPECT_EQ(prompt_of_label("mild_npdr", "a photo of {label}; {label}"), "a photo of mild npdr; mild npdr");
  EXPECT_EQ(prompt_of_label("{label}", "{label}"), "{label}");
}

TEST(TextCondition, EncodedPromptsStandForTheEncoder) {
  const auto condition = TextCondition::load(kGoldenFolder), fresh = TextCondition::load(kGoldenFolder);
  const std::vector<std::string> known = {"one", ""}, unknown = {"one", "two"};
  const torch::Tensor one = torch::full({20, 6}, 0.5, torch::kFloat16), none = torch::zeros({20, 6}, torch::kFloat16);
  condition->encode(unknown, torch::kCPU);  // is forgotten
  condition->use_encoded({{"one", one}, {"", none}, {"bad", torch::full({20, 6}, std::nan(""))}}, "the cache");
  EXPECT_TRUE(torch::equal(condition->encode(known, torch::kCPU), torch::stack({one, none}).to(torch::kFloat32)));
  expect_error(ExitCode::kUsage, "'two' is not among those of the cache", [&] { condition->encode(unknown, torch::kCPU); });
  const std::vector<std::string> bad = {"bad"};
  expect_error(ExitCode::kUsage, "not finite", [&] { condition->encode(bad, torch::kCPU); });
  EXPECT_EQ(condition->hash(), fresh->hash());
}

TEST(StableDiffusion, FrozenPartsOnDiskAreSavedAsTheyWere) {
  const TempFolder temp;
  copy_golden(temp / "sd");
  rewrite_weights(temp / "sd/vae/diffusion_pytorch_model.safetensors", temp / "sd/vae/diffusion_pytorch_model.fp16.safetensors", [](TensorMap weights) {
    for (auto& [name, tensor] : weights) tensor = tensor.to(torch::kHalf);
    return weights;
  });
  Generator generator = Generator::load(temp / "sd");
  generator.save(temp / "before");
  generator.leave_frozen_on_disk(temp / "sd");
  EXPECT_EQ(generator.vae->parameters()[0].scalar_type(), torch::kHalf);  // as in the file
  fs::remove_all(temp / "sd");                                            // mapped: nothing else needs it
  generator.save(temp / "after");
  for (const char* file : {"vae/diffusion_pytorch_model.safetensors", "vae/config.json", "text_encoder/model.safetensors", "tokenizer/vocab.json"})
    EXPECT_TRUE(read_text(temp / "before" / file) == read_text(temp / "after" / file)) << file;
}

TEST(StableDiffusion, ReadsTheOriginalSingleFile) {
  const TempFolder temp;
  TensorMap single = testing::save_both_ways(temp / "folder");
  single["alphas_cumprod"] = torch::rand(1000);
  single["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch::arange(20).unsqueeze(0);
  save_safetensors(temp / "sd.safetensors", single);
  expect_error(ExitCode::kUsage, "tokenizer", [&] { Generator::load(temp / "sd.safetensors"); });
  fs::copy(kGoldenFolder / "tokenizer", temp / "tokenizer");
  const Generator loaded = Generator::load(temp / "sd.safetensors");
  loaded.save(temp / "again");
  for (const char* file : {"unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"}) {
    const TensorMap first = load_safetensors(temp / "folder" / file).tensors, second = load_safetensors(temp / "again" / file).tensors;
    ASSERT_EQ(first.size(), second.size()) << file;
    for (const auto& [name, tensor] : first) EXPECT_TRUE(torch::equal(tensor, second.at(name))) << name;
  }
  save_pth(temp / "sd.ckpt", single);
  const TensorMap unet = state_dict(*loaded.model->unet), pickled = state_dict(*Generator::load(temp / "sd.ckpt").model->unet);
  for (const auto& [name, tensor] : unet) EXPECT_TRUE(torch::equal(tensor, pickled.at(name))) << name;
  EXPECT_TRUE(loaded.scheduler.skip_prk_steps);
  EXPECT_EQ(loaded.scheduler.beta_schedule, "scaled_linear");
  single.erase("model.diffusion_model.out.2.weight");
  save_safetensors(temp / "torn.safetensors", single);
  expect_error(ExitCode::kUsage, "out.2.weight", [&] { Generator::load(temp / "torn.safetensors"); });
}

TEST(StableDiffusion, NamesTheFileThatIsWrong) {
  const TempFolder temp;
  const auto rejected = [&](const std::string& part) { expect_error(ExitCode::kUsage, part, [&] { Generator::load(temp / "sd"); }); };
  const auto fresh = [&] { fs::remove_all(temp / "sd"), copy_golden(temp / "sd"); };
  fresh(), fs::remove_all(temp / "sd" / "tokenizer");
  rejected("tokenizer");
  fresh(), fs::remove_all(temp / "sd" / "vae");
  rejected("vae");
  fresh(), fs::remove(temp / "sd" / "text_encoder" / "model.safetensors");
  rejected("text_encoder");
  fresh(), temp.write("sd/text_encoder/config.json", R"({"hidden_size": 6, "num_attention_heads": 2, "vocab_size": 100, "intermediate_size": 12})");
  rejected("model.safetensors");
  fresh(), temp.write("sd/labels.json", R"({"labels": [{"label": "a"}]})");
  rejected("labels.json");
  fresh(), temp.write("sd/tokenizer/tokenizer_config.json", R"({"model_max_length": 21})");
  rejected("21 tokens");
}

}  // namespace
}  // namespace defound
