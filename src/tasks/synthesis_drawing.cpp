#include "synthesis_drawing.h"

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

constexpr int64_t kMostRedraws = 3, kImagesPerRedrawn = 1000;   // one in so many may be of no use

bool is_useless(const Image& image) {
  return std::all_of(image.pixels.begin(), image.pixels.end(), [&](uint8_t value) { return value == image.pixels.front(); });
}

}  // namespace

SynthesisDrawing::SynthesisDrawing(const SynthesizeConfig& config, const SynthesisGenerator& generator,
                                   const SynthesisPlan& plan, const SynthesisPart& part, RedrawnImages& redrawn)
    : generator_(generator),
      plan_(plan),
      redrawn_(redrawn),
      image_format_(config.image_format),
      batch_size_(std::min(config.batch_size, plan.in_shards() ? std::min(plan.size(), config.images_per_shard) : plan.size())),
      rows_in_part_(plan.size_of(part)) {}

std::vector<DrawnImage> SynthesisDrawing::draw(std::span<const int64_t> rows) {
  std::vector<DrawnImage> drawn(rows.size());
  std::vector<size_t> open(rows.size());   // places in `drawn` that have no image yet
  for (size_t n = 0; n < rows.size(); ++n) {
    open[n] = n;
    drawn[n].planned = plan_.image(rows[n]);
    redrawn_.apply(drawn[n].planned);
  }
  for (int64_t redraws = 0; !open.empty(); ++redraws) {
    std::vector<PlannedImage> batch;
    for (const size_t n : open) batch.push_back(drawn[n].planned);
    const std::vector<Image> images = draw_batch(batch);
    std::vector<size_t> useless;
    for (size_t i = 0; i < open.size(); ++i) {
      if (is_useless(images[i])) useless.push_back(open[i]);
      else drawn[open[i]].bytes = image_format_ == "png" ? encode_png(images[i]) : encode_jpeg(images[i]);
    }
    if (!useless.empty() && redraws == kMostRedraws)
      fail("{} is not finite or of one color, under {} seeds; the last is {}", drawn[useless.front()].planned.path,
           kMostRedraws + 1, drawn[useless.front()].planned.seed);
    for (const size_t n : useless) redraw(drawn[n].planned);
    open = std::move(useless);
  }
  return drawn;
}

std::vector<Image> SynthesisDrawing::draw_batch(const std::vector<PlannedImage>& planned) const {
  std::vector<std::string> requests;
  std::vector<uint64_t> seeds;
  for (size_t n = 0; n < static_cast<size_t>(batch_size_); ++n) {
    const PlannedImage& image = planned[std::min(n, planned.size() - 1)];
    requests.push_back(image.request), seeds.push_back(image.seed);
  }
  std::vector<Image> images = generator_.draw(requests, seeds);
  images.resize(planned.size());
  return images;
}

void SynthesisDrawing::redraw(PlannedImage& image) {
  log::warn("{} is not finite or of one color under seed {}; drawn again", image.path, image.seed);
  redrawn_.redraw(image);
  const int64_t most = std::max<int64_t>(1, rows_in_part_ / kImagesPerRedrawn), found = static_cast<int64_t>(redrawn_.size());
  if (found > most)
    fail("{} of {} images were not finite or of one color; more than {} mean that the generator is broken", found,
         rows_in_part_, most);
}

}  // namespace defound
