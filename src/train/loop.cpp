#include "defound/train/loop.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cmath>

#include "defound/core/log.h"
#include "defound/core/stop.h"
#include "defound/core/stopwatch.h"
#include "defound/train/checkpoint_writer.h"
#include "defound/train/training_log.h"
#include "defound/train/training_state.h"
#include "defound/train/votes.h"

namespace defound {
namespace {

/// Does a point that comes every `interval` steps lie in (step - 1, step]?
bool passes(int64_t step, double interval) {
  return interval > 0 && std::floor(static_cast<double>(step) / interval) > std::floor(static_cast<double>(step - 1) / interval);
}

class TrainingLoop {
 public:
  TrainingLoop(Objective& objective, const Dataset& dataset, const LoopOptions& options, const RunDir& run)
      : objective_(objective), dataset_(dataset), options_(options), run_(run), schedule_(make_lr_schedule(options.train, dataset.size())),
        total_(total_steps(options.train, dataset.size())), epoch_(steps_per_epoch(options.train, dataset.size())),
        group_(options.group ? *options.group : alone_), state_(objective, options, group_), votes_(options.device),
        writer_(options.train.keep_checkpoints, options.train.shard_optimizer ? &group_ : nullptr) {}

  ExitCode run();

 private:
  void describe_start() const;
  void resume();
  void find_checkpoint();
  void check_agreement();
  LoaderOptions loader_options() const;
  void step(Loader& loader);
  void check_skipped();
  void write_log_row(double rate);
  std::string own_stop_reason() const;
  bool save_time_is_over() const;
  Vote vote();
  bool must_stop() const;
  ExitCode stop();
  bool validation_is_due() const;
  void validate_and_publish();
  bool validate();
  void sample_if_due();
  void with_product(const std::function<void()>& work);
  void save_if_due();
  void save();
  void write_checkpoint();
  void finish_writing();

  Objective& objective_;
  const Dataset& dataset_;
  const LoopOptions& options_;
  const RunDir& run_;
  const LrSchedule schedule_;
  const int64_t total_, epoch_;            ///< steps
  Group alone_;
  Group& group_;
  TrainingState state_;
  Votes votes_;
  std::unique_ptr<TrainingLog> log_;       ///< the leader's
  const Stopwatch since_start_;
  Stopwatch since_save_;
  CheckpointWriter writer_;
  int64_t saved_step_ = -1, skipped_ = 0;
  bool first_step_ = true;
};

ExitCode TrainingLoop::run() {
  if (options_.train.batch_size < group_.size())
    reject("a batch_size of {} gives {} processes no image each; raise it, or start fewer", options_.train.batch_size, group_.size());
  describe_start();
  resume();
  if (saved_step_ == total_) return ExitCode::kDone;  // killed between the last checkpoint and DONE
  if (group_.is_leader()) log_ = std::make_unique<TrainingLog>(run_, total_, epoch_, options_.train.batch_size, state_.step);
  objective_.model.train();
  Loader loader(dataset_, loader_options());
  while (state_.step < total_) {
    if (must_stop()) return stop();
    step(loader);
    if (validation_is_due()) validate_and_publish();
    sample_if_due();
    save_if_due();
  }
  if (saved_step_ != total_) {  // no step was asked for: the product is the start
    validate_and_publish();
    save();
  }
  finish_writing();
  return ExitCode::kDone;
}

void TrainingLoop::finish_writing() {
  writer_.wait();
  group_.meet();  // a transfer would not wait for as long as writing may take
}

void TrainingLoop::describe_start() const {
  Json fields{{"torch_device", options_.device.str()}, {"torch_threads", at::get_num_threads()}, {"libtorch", TORCH_VERSION}, {"processes", group_.size()}};
  if (group_.size() > 1) fields["group"] = group_.description();
  run_.describe_start(fields);
}

void TrainingLoop::resume() {
  if (group_.is_leader()) find_checkpoint();
  if (group_.size() == 1) return;
  state_.broadcast();
  saved_step_ = std::stoll(group_.share(std::to_string(saved_step_)));
  if (saved_step_ >= 0) writer_.set_last(checkpoint_file(run_ / "checkpoints", saved_step_));
  check_agreement();
}

/// The processes hold the same weights, or something is wrong that no loss would show.
void TrainingLoop::check_agreement() {
  if (group_.size() > 1) group_.agree(fingerprint(state_.weights.params()), fmt::format("the weights at step {}", state_.step));
}

void TrainingLoop::find_checkpoint() {
  const auto found = find_newest_checkpoint(run_ / "checkpoints");
  remove_unfinished_checkpoints(run_ / "checkpoints", found ? found->checkpoint.step : -1);
  if (!found) {
    if (run_.is_continued()) log::warn("{} holds no whole checkpoint: training starts at step 0", (run_ / "checkpoints").string());
    return;
  }
  if (found->checkpoint.dataset_size != dataset_.size())
    reject("the training data holds {} images, but {} when {} was written; give the same data, or another --output", dataset_.size(),
           found->checkpoint.dataset_size, found->file.string());
  state_.restore(found->checkpoint);
  skipped_ = state_.skipped.read().total;
  saved_step_ = state_.step;
  writer_.set_last(found->file);
  log::info("continuing from {} (step {} of {}, epoch {:.2f})", found->file.string(), state_.step, total_,
            static_cast<double>(state_.step) / static_cast<double>(epoch_));
}

LoaderOptions TrainingLoop::loader_options() const {
  LoaderOptions loader;
  loader.batch_size = options_.train.batch_size;
  loader.num_workers = options_.num_workers;
  loader.seed = options_.seed;
  loader.pin_memory = options_.device.is_cuda();
  loader.start = state_.position;
  loader.rank = group_.rank();
  loader.size = group_.size();
  return loader;
}

void TrainingLoop::step(Loader& loader) {
  const Stopwatch watch;
  const Batch batch = loader.next().to(options_.device);
  const double waited = watch.seconds(), rate = schedule_.at(state_.step);
  writer_.check();
  state_.advance(batch, options_.train.batch_size, rate, vote());
  state_.position = loader.position();
  if (state_.votes.defined()) votes_.add(state_.votes);
  const bool log_row = state_.step % options_.train.log_every == 0 || state_.step == total_;
  if (log_row || options_.device.is_cpu()) check_skipped();  // on a GPU reading means waiting: only with the log
  if (log_) log_->add_step(state_.step, {watch.seconds(), waited, state_.waited});
  if (log_row) write_log_row(rate);
  if (std::exchange(first_step_, false)) log::info("first step done {:.2f} s after the loop began", since_start_.seconds());
}

void TrainingLoop::check_skipped() {
  const auto count = state_.skipped.read();
  if (count.total > skipped_)
    log::warn("the loss or its gradient was not finite: step skipped ({} in all, up to step {})", count.total, state_.step);
  skipped_ = count.total;
  if (count.most_in_a_row < SkippedSteps::kMostInARow) return;
  fail("the loss or its gradient was not finite in {} steps in a row (up to step {}); the last good checkpoint is {}; lower the learning rate, "
       "clip with --max_grad_norm, or check the data", count.most_in_a_row, state_.step, writer_.last_good());
}

void TrainingLoop::write_log_row(double rate) {
  const NamedValues losses = state_.losses.take();
  if (log_) log_->write_training(state_.step, losses, rate, state_.grad_norm.item<double>(), skipped_);
}

std::string TrainingLoop::own_stop_reason() const {
  if (StopSignal::requested()) return StopSignal::name();
  const double limit = options_.train.max_seconds;  // by the leader's clock
  return limit > 0 && group_.is_leader() && since_start_.seconds() >= limit ? fmt::format("the time limit of {} s", limit) : "";
}

/// This process's word in the next step's vote.
Vote TrainingLoop::vote() {
  if (group_.size() == 1) return {};
  const std::string reason = own_stop_reason();
  if (!reason.empty()) group_.give_reason(reason);
  return {.stop = !reason.empty(), .save = group_.is_leader() && save_time_is_over()};
}

bool TrainingLoop::must_stop() const { return group_.size() > 1 ? votes_.stop() : !own_stop_reason().empty(); }

ExitCode TrainingLoop::stop() {
  const std::string reason = group_.size() > 1 ? group_.reason() : own_stop_reason();
  if (state_.step > 0 && saved_step_ != state_.step) save();
  finish_writing();
  log::info("stopped by {} at step {} of {}; go on with the same command and --resume auto", reason, state_.step, total_);
  return ExitCode::kSaved;
}

bool TrainingLoop::validation_is_due() const {
  const double interval = options_.train.validate_epochs * static_cast<double>(epoch_);
  return state_.step == total_ || (objective_.validate && passes(state_.step, interval));
}

void TrainingLoop::validate_and_publish() {
  if (!all_finite(state_.product_values())) fail("the weights are not finite at step {}; the last good checkpoint is {}", state_.step,
                                                 writer_.last_good());
  const bool best = objective_.validate && validate();
  if (objective_.save_product) {
    const TensorMap product = state_.weights.product(state_.product_values(), group_.is_leader());  // the owners' parts, sharded
    if (group_.is_leader()) objective_.save_product(product, best);
  }
  group_.meet();  // as above
}

/// Does the work in eval mode under the product's weights, which leaves no trace in the training.
void TrainingLoop::with_product(const std::function<void()>& work) {
  if (state_.ema) state_.weights.show(state_.ema->values());
  objective_.model.eval();
  {
    torch::NoGradGuard no_grad;
    work();
  }
  group_.meet();  // one may work for longer than a transfer would wait for it
  objective_.model.train();
  if (state_.ema) state_.weights.show_masters();
}

void TrainingLoop::sample_if_due() {
  if (!objective_.sample || !passes(state_.step, static_cast<double>(objective_.sample_every))) return;
  const Stopwatch watch;
  Pictures pictures;
  with_product([&] {
    if (log_) pictures = objective_.sample();
  });
  if (log_) {
    log_->write_pictures(state_.step, pictures);
    log::info("samples at step {} ({})", state_.step, duration_text(watch.seconds()));
  }
  group_.meet();
}

/// True when this is the best validation so far.
bool TrainingLoop::validate() {
  const Stopwatch watch;
  Metrics metrics;
  with_product([&] { metrics = objective_.validate(); });
  if (log_) log_->write_validation(state_.step, metrics, watch.seconds());
  for (const auto& [name, value] : metrics) {
    if (name != objective_.best_metric || !std::isfinite(value)) continue;
    if (state_.best && !(objective_.higher_is_better ? value > *state_.best : value < *state_.best)) continue;
    state_.best = value;
    state_.best_step = state_.step;
    return true;
  }
  return false;
}

bool TrainingLoop::save_time_is_over() const { return since_save_.seconds() >= 60.0 * options_.train.checkpoint_minutes; }

void TrainingLoop::save_if_due() {
  if (state_.step == total_ || (group_.size() > 1 ? votes_.save() : save_time_is_over())) save();
}

void TrainingLoop::save() {
  check_skipped();
  check_agreement();
  write_checkpoint();
  saved_step_ = state_.step;
  since_save_ = Stopwatch();
  votes_.saved();
}

void TrainingLoop::write_checkpoint() {
  run_.check_lock();
  if (!all_finite(state_.weights.masters())) fail("the weights are not finite at step {}; the last good checkpoint is {}", state_.step,
                                                  writer_.last_good());
  if (group_.is_leader() || options_.train.shard_optimizer) {
    Checkpoint checkpoint = state_.checkpoint();
    checkpoint.dataset_size = dataset_.size();
    writer_.start(checkpoint_file(run_ / "checkpoints", state_.step), checkpoint);
  }
  group_.meet();  // the write before may take longer than a transfer would wait
}

}  // namespace

ExitCode train(Objective& objective, const Dataset& dataset, const LoopOptions& options, const RunDir& run) {
  return TrainingLoop(objective, dataset, options, run).run();
}

}  // namespace defound
