#pragma once
#include <string>

#include "defound/models/mae.h"
#include "defound/models/vit.h"
#include "defound/tensor/safetensors.h"

namespace defound {

struct EncoderRules {
  bool take_head = false;           ///< the file's classification head; rejected when its shape differs
  bool norm_to_fc_norm = false;     ///< start fc_norm from the encoder's last norm; the reference starts it new
};

/// Starts a classifier from an MAE file (with or without decoder) or a timm / RETFound vision transformer, as MAE's
/// main_finetune.py: decoder and mask token are left out, the head stays new, with global_pool avg fc_norm is the
/// file's or stays new, pos_embed is interpolated to this model's image size. Everything else must fit (exit 2
/// otherwise). Logs what was taken, from `origin`, and what stays new.
void load_encoder(VisionTransformer& model, TensorMap weights, const std::string& origin, const EncoderRules& rules = {});

/// Starts pretraining from an MAE file. One without a decoder is rejected (exit 2) unless `random_decoder`, which
/// keeps this model's. Position tables are fixed, so this model's own stay when the image size differs.
void load_mae(MaskedAutoencoder& model, TensorMap weights, const std::string& origin, bool random_decoder = false);

/// Whether a file of these names holds an MAE decoder.
bool has_decoder(const TensorMap& weights);

/// transformers' ViTMAE or ViT (5, or with the older names) as MAE and timm name it; query, key and value are packed.
/// Rejects (exit 2), naming `origin`, a part of them that is missing.
TensorMap from_transformers_names(const TensorMap& weights, const std::string& origin);

/// facebookresearch/dinov2's encoder (RETFound_dinov2_*.pth) as timm's vit_*_patch14_dinov2 names it, without mask token.
TensorMap timm_from_dinov2_names(const TensorMap& weights, const std::string& origin);

/// An MAE's weights without its decoder and mask token: cls_token, pos_embed, patch_embed, blocks, norm.
TensorMap encoder_weights(const TensorMap& mae);

}  // namespace defound
