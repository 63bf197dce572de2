#include "defound/models/weights_identity.h"

#include <gtest/gtest.h>

#include "support/small_vit.h"
#include "support/tensors.h"
#include "support/weight_lists.h"

namespace defound {
namespace {

using testing::listed_weights;
using testing::shapes_only;
using testing::with_prefix;

const std::string& use_of(const WeightsIdentity& identity, const std::string& use) {
  for (const auto& [name, state] : identity.uses)
    if (name == use) return state;
  ADD_FAILURE() << "no use " << use << " of " << identity.what;
  static const std::string none;
  return none;
}

bool has_note(const WeightsIdentity& identity, const std::string& part) {
  return std::any_of(identity.notes.begin(), identity.notes.end(), [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

TEST(WeightsIdentity, TellsMaeWithAndWithoutDecoder) {
  const WeightsIdentity full = identify_weights(listed_weights("mae_vit_large_full"));
  EXPECT_EQ(full.what, "MAE ViT-L/16 with decoder");
  EXPECT_EQ(full.kind, WeightsKind::kMae);
  EXPECT_EQ(full.sizes.dump(), R"json({"image_size":224,"patch_size":16,"in_chans":3,"width":1024,"depth":24,"heads":16,"mlp_hidden":4096,)json"
                               R"json("decoder_width":512,"decoder_depth":8,"pooling":"class token (norm)"})json");
  EXPECT_EQ(use_of(full, "pretraining"), "ready: defound-pretrain --init");
  EXPECT_TRUE(has_note(full, "RETFound"));   // its pretraining files look the same: said, not guessed
  const WeightsIdentity encoder = identify_weights(listed_weights("mae_vit_large_encoder"));
  EXPECT_EQ(encoder.what, "MAE ViT-L/16 encoder without decoder");
  EXPECT_EQ(use_of(encoder, "pretraining"), "no decoder: pretraining can go on with --init_decoder random");
  EXPECT_EQ(use_of(encoder, "evaluation"), "no head: fine-tune first");
}

TEST(WeightsIdentity, TellsClassifiersAndTheirHeads) {
  const WeightsIdentity tuned = identify_weights(listed_weights("retfound_finetuned_5"));
  EXPECT_EQ(tuned.what, "fine-tuned ViT-L/16 as of RETFound and MAE, 5 classes");
  EXPECT_EQ(tuned.sizes["pooling"], "average (fc_norm)");
  EXPECT_TRUE(use_of(tuned, "evaluation").starts_with("head of 5 classes present"));
  EXPECT_TRUE(use_of(tuned, "pretraining").starts_with("no decoder and no norm"));
  const WeightsIdentity base = identify_weights(listed_weights("timm_vit_base"));
  EXPECT_EQ(base.what, "timm ViT-B/16 classifier, 1000 classes");
  EXPECT_EQ(base.sizes["heads"], 12);
  TensorMap probe = listed_weights("mae_vit_large_encoder");
  probe.merge(shapes_only({{"head.0.running_mean", {1024}}, {"head.0.running_var", {1024}}, {"head.1.weight", {7, 1024}}, {"head.1.bias", {7}}}));
  EXPECT_EQ(identify_weights(probe).what, "linear probe (MAE's main_linprobe.py) on ViT-L/16, 7 classes");
}

TEST(WeightsIdentity, TellsDinoV2) {
  const WeightsIdentity retfound = identify_weights(with_prefix(listed_weights("retfound_dinov2"), "teacher."));
  EXPECT_EQ(retfound.kind, WeightsKind::kDinoV2);
  EXPECT_EQ(retfound.what, "DINOv2 ViT-L/14 encoder (RETFound DINOv2 and DINOv2's own have these shapes)");
  EXPECT_EQ(retfound.prefix, "teacher.backbone.");
  EXPECT_TRUE(has_note(retfound, "1 tensors do not lie under"));   // the projection head
  EXPECT_TRUE(use_of(retfound, "fine-tuning").starts_with("not supported"));
  const WeightsIdentity registers = identify_weights(listed_weights("timm_dinov2_registers"));
  EXPECT_EQ(registers.what, "DINOv2 ViT-S/14 encoder, 4 register tokens");
  EXPECT_EQ(registers.sizes["image_size"], 392);   // its table has no row for the class token
}

TEST(WeightsIdentity, TellsThePartsOfAGenerator) {
  EXPECT_EQ(identify_weights(listed_weights("unet_sd1")).what, "diffusers UNet, SD 1.x");
  EXPECT_EQ(identify_weights(listed_weights("unet_sd1")).sizes["block_out_channels"].dump(), "[320,640,1280,1280]");
  const WeightsIdentity autoencoder = identify_weights(listed_weights("autoencoder_kl"));
  EXPECT_EQ(autoencoder.what, "diffusers AutoencoderKL, as of SD 1.x and 2.x");
  EXPECT_EQ(autoencoder.sizes["shrinks_by"], 8);
  const WeightsIdentity text = identify_weights(listed_weights("clip_text"));
  EXPECT_EQ(text.what, "CLIP text encoder, as of SD 1.x");
  EXPECT_EQ(text.sizes["heads"], 12);
  EXPECT_EQ(identify_weights(with_prefix(listed_weights("clip_text"), "text_model.")).what, text.what);   // before transformers 5
  const WeightsIdentity whole = identify_weights(shapes_only({{"model.diffusion_model.input_blocks.0.0.weight", {320, 4, 3, 3}},
                                                              {"first_stage_model.encoder.conv_in.weight", {128, 3, 3, 3}},
                                                              {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", {320, 768}},
                                                              {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", {49408, 768}}}));
  EXPECT_EQ(whole.what, "original SD checkpoint, one file, SD 1.x");
  EXPECT_EQ(identify_weights(shapes_only({{"embedding", {6, 8, 768}}})).what, "label table of a defound generator, 5 labels");
}

TEST(WeightsIdentity, TellsAdaptersAndCheckpoints) {
  const std::string layer = "unet.down_blocks.0.attentions.0.to_q.";
  EXPECT_EQ(identify_weights(shapes_only({{layer + "lora_A.weight", {4, 320}}, {layer + "lora_B.weight", {320, 4}}})).what, "LoRA adapter for a UNet, rank 4");
  EXPECT_EQ(identify_weights(testing::golden("lora/text.safetensors")).what, "LoRA adapter for a text encoder, rank 2");
  EXPECT_EQ(identify_weights(testing::golden("lora/kohya.safetensors")).what, "LoRA adapter for a UNet, rank 3");
  const std::map<std::string, std::string> metadata = {{"format", "defound checkpoint 1"}, {"state", R"({"step": 30, "epoch": 2})"}};
  const WeightsIdentity checkpoint = identify_weights(shapes_only({{"model/cls_token", {1, 1, 8}}}), metadata);
  EXPECT_EQ(checkpoint.kind, WeightsKind::kCheckpoint);
  EXPECT_EQ(checkpoint.sizes["step"], 30);
  EXPECT_EQ(identify_weights(shapes_only({{"x", {1}}}), {{"format", "defound checkpoint 1"}, {"state", "{"}}).kind, WeightsKind::kCheckpoint);
}

TEST(WeightsIdentity, TakesWrappersOffAndNamesWhatItDoesNotKnow) {
  const WeightsIdentity wrapped = identify_weights(with_prefix(listed_weights("mae_vit_large_encoder"), "module.model."));
  EXPECT_EQ(wrapped.what, "MAE ViT-L/16 encoder without decoder");
  EXPECT_EQ(wrapped.prefix, "module.model.");
  EXPECT_EQ(without_prefix(with_prefix(listed_weights("timm_vit_base"), "module."), {.prefix = "module."}).count("cls_token"), 1u);
  const WeightsIdentity unknown = identify_weights(shapes_only({{"layer1.0.conv1.weight", {64, 64, 1, 1}}, {"layer1.0.bn1.weight", {64}}, {"fc.weight", {10, 64}}}));
  EXPECT_EQ(unknown.kind, WeightsKind::kUnknown);
  EXPECT_TRUE(has_note(unknown, "layer1 (2), fc (1)"));
  TensorMap beit = listed_weights("mae_vit_large_encoder");
  beit.merge(shapes_only({{"blocks.0.attn.relative_position_bias_table", {732, 16}}}));
  EXPECT_TRUE(has_note(identify_weights(beit), "blocks.0.attn.relative_position_bias_table"));
  EXPECT_EQ(identify_weights({}).kind, WeightsKind::kUnknown);
  EXPECT_EQ(identify_weights(shapes_only({{"patch_embed.proj.weight", {}}, {"cls_token", {}}, {"blocks.0.attn.qkv.weight", {}}})).kind, WeightsKind::kUnknown);
}

TEST(MisfitCause, SaysWhatTheFileIsAndWhereItDiffers) {
  const WeightsIdentity model = identify_weights(testing::drawn_weights<VisionTransformer>(testing::tiny_vit()));
  const auto cause = [&](const TensorMap& file) { return misfit_cause(identify_weights(file), model); };
  EXPECT_NE(cause(listed_weights("unet_sd1")).find("the file is this: diffusers UNet, SD 1.x; needed is a vision transformer"), std::string::npos);
  EXPECT_NE(cause(listed_weights("retfound_dinov2")).find("DINOv2 encoder has layer scale"), std::string::npos);
  EXPECT_NE(cause(listed_weights("vit_mae_large_transformers")).find("convert --to mae"), std::string::npos);
  EXPECT_NE(cause(listed_weights("timm_vit_base")).find("width is 768 in the file, 24 in the model"), std::string::npos);
  EXPECT_NE(cause(testing::drawn_weights<VisionTransformer>(testing::tiny_vit("avg", 7))).find("the file holds a head of 7, the data has 5"), std::string::npos);
  EXPECT_EQ(cause(testing::drawn_weights<VisionTransformer>(testing::tiny_vit())), "");
  EXPECT_EQ(cause(shapes_only({{"x", {1}}})), "");
}

}  // namespace
}  // namespace defound
