#include "defound/train/training_state.h"

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {

TrainingState::TrainingState(Objective& objective, const LoopOptions& options, Group& group)
    : ownership(objective.groups, group, options.train.shard_optimizer, options.precision == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32),
      weights(objective.model, objective.groups, options.device, options.precision, objective.product_has_frozen),
      gradients(weights, group),
      optimizer(objective.groups, weights.masters(), {options.train.adam_beta1, options.train.adam_beta2}, &ownership),
      loss_scale(options.precision == torch::kFloat16, options.device),
      skipped(options.device),
      losses(options.device),
      objective_(objective),
      group_(group),
      draws_(options.seed, "train"),
      micro_batch_size_(options.train.micro_batch_size > 0 ? options.train.micro_batch_size : options.train.batch_size),
      max_grad_norm_(options.train.max_grad_norm) {
  if (options.train.ema_decay > 0) ema.emplace(options.train.ema_decay, weights.names(), weights.masters());
}

void TrainingState::backward(const Batch& part, double share) {
  const Losses values = objective_.loss(part, draws_);
  if (values.empty() || values[0].second.numel() != 1) fail("an objective's first loss must be one number");
  losses.add(values, share);
  loss_scale.apply(values[0].second.reshape({}) * share).backward();
  gradients.add();
}

void TrainingState::advance(const Batch& batch, int64_t rows, double rate, Vote vote) {
  for (int64_t begin = 0; begin < batch.size(); begin += micro_batch_size_) {
    const int64_t end = std::min(begin + micro_batch_size_, batch.size());
    if (end == batch.size()) gradients.begin_last();
    backward(end - begin == batch.size() ? batch : batch.slice(begin, end), static_cast<double>(end - begin) / static_cast<double>(rows));
  }
  torch::NoGradGuard no_grad;
  waited = gradients.finish();
  if (group_.size() > 1) votes = losses.sum(group_, vote);
  const torch::Tensor unscale = loss_scale.inverse();
  grad_norm = unscale.defined() ? gradients.norm() * unscale : gradients.norm();
  const torch::Tensor bad_loss = ~losses.step_loss().isfinite(), bad_gradient = ~grad_norm.isfinite();
  const torch::Tensor skip = (bad_loss | bad_gradient).to(torch::kFloat32);
  // An fp16 gradient that overflows under a large loss scale is part of finding the scale, no failure.
  const torch::Tensor failed = loss_scale.is_on() ? (bad_loss | (bad_gradient & ~loss_scale.can_shrink())).to(torch::kFloat32) : skip;

  torch::Tensor factor = max_grad_norm_ > 0 ? clip_factor(grad_norm, max_grad_norm_) : torch::Tensor();
  if (unscale.defined()) factor = factor.defined() ? factor * unscale : unscale;
  if (factor.defined()) gradients.scale(factor);
  optimizer.step(gradients.sums(), rate, skip);
  gradients.clear();
  weights.copy_to_model();
  loss_scale.update(skip);
  skipped.update(failed);
  losses.end_step(skip);
  ++step;
  if (ema) ema->update(weights.masters(), step);
}

void TrainingState::broadcast() {
  const Json mine = {{"step", step}, {"epoch", position.epoch}, {"sample", position.sample}, {"best", best ? Json(*best) : Json()}, {"best_step", best_step}};
  const Json leaders = parse_json(group_.share(mine.dump()), "the leader");
  step = leaders.at("step");
  position = {leaders.at("epoch"), leaders.at("sample")};
  if (!leaders.at("best").is_null()) best = leaders.at("best").get<double>();
  best_step = leaders.at("best_step");
  TensorMap tensors;  // no means of the losses: only the leader logs
  weights.save(tensors);
  if (ema) ema->save(tensors);
  loss_scale.save(tensors);
  skipped.save(tensors);
  for (const auto& [name, tensor] : tensors) group_.broadcast({tensor});
  optimizer.broadcast(group_);
  gradients.broadcast(group_);
  weights.copy_to_model();
  if (!ownership.is_sharded()) return;
  weights.keep_own(ownership);
  if (ema) ema->keep_own(ownership);
}

Checkpoint TrainingState::checkpoint() const {
  Checkpoint result{.step = step, .position = position, .best = best, .best_step = best_step};
  weights.save(result.tensors);
  optimizer.save(result.tensors);
  if (ema) ema->save(result.tensors);
  if (ownership.is_sharded() && !group_.is_leader()) {
    std::erase_if(result.tensors, [](const auto& item) { return item.first.starts_with("buffer/") || item.first.starts_with("optimizer/"); });
    return result;
  }
  loss_scale.save(result.tensors);
  skipped.save(result.tensors);
  losses.save(result.tensors);
  gradients.save(result.tensors);
  return result;
}

void TrainingState::restore(const Checkpoint& checkpoint) {
  step = checkpoint.step;
  position = checkpoint.position;
  best = checkpoint.best;
  best_step = checkpoint.best_step;
  weights.load(checkpoint.tensors);
  optimizer.load(checkpoint.tensors);
  if (ema) ema->load(checkpoint.tensors);
  loss_scale.load(checkpoint.tensors);
  skipped.load(checkpoint.tensors);
  losses.load(checkpoint.tensors);
  gradients.load(checkpoint.tensors);
}

}  // namespace defound
