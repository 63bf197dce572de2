#pragma once
#include <torch/torch.h>

namespace defound {

/// What sets each pixel of images [N, H, W] (gray, 0..1) apart from its surroundings, over the contrast there: (x - m) / (s +
/// 0.02), mean m and deviation s under a Gaussian of `sigma` pixels. Exposure, tint and the large forms that all images of
/// a kind share drop out; vessels, ribs and lesions stay, faint ones as strong as clear ones. What is dark (under 0.06) or
/// overexposed (over 0.97) shows the camera and not the patient: it is 0, with a rim of 2 % of the side, and counts nowhere.
torch::Tensor local_contrast(const torch::Tensor& images, double sigma);

/// Images [N, H, W] under a Gaussian of `sigma` pixels.
torch::Tensor blurred(const torch::Tensor& images, double sigma);

}  // namespace defound
