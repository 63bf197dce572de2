#include "defound/tasks/synthesize.h"

#include <ostream>

#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/core/stopwatch.h"
#include "defound/dist/group.h"
#include "synthesis_manifest.h"
#include "synthesis_output.h"
#include "synthesis_parts.h"
#include "synthesis_report.h"

namespace defound {
namespace {

/// One process's share, all or a part, at work.
class SynthesisRun {
 public:
  SynthesisRun(const SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
               const SynthesisPart& part, const RunDir& run)
      : config_(config),
        generator_(generator),
        plan_(plan),
        part_(part),
        run_(run),
        redrawn_(run / "redrawn.csv", redrawn_files(config.run.output)) {}

  /// The plan goes first, as the manifest of what there will be.
  void write_plan() const {
    const SynthesisManifest manifest(plan_, part_, generator_.hash, nullptr);
    const fs::path file = run_ / "plan.csv";
    if (run_.is_continued() && is_there(file)) {
      if (!manifest.equals(file))
        reject("{} was planned with another generator or other counts; use a fresh --output", run_.path().string());
      return;
    }
    manifest.write(file);
  }

  bool make_images() {
    const auto output = make_synthesis_output(plan_, part_, config_.run.output, generator_.hash);
    const int64_t rows = plan_.size_of(part_), missing = output->find_missing();
    log::info("{} images planned, {} to make", rows, missing);
    SynthesisDrawing drawing(config_, generator_, plan_, part_, redrawn_);
    Progress progress("synthesizing", rows, rows - missing);
    int64_t made = rows - missing;
    const Stopwatch watch;
    const bool done = output->make(drawing, [&](int64_t count) { progress.update(made = count); });
    if (made > rows - missing) run_.describe_start({{kSynthesisRate, progress.rate()}});
    log_times(watch.seconds());
    return done;
  }

  void finish() const {
    write_synthesis_report(run_, config_, plan_, part_);
    SynthesisManifest(plan_, part_, generator_.hash, &redrawn_, part_.count == 1 ? "" : "../../").write(run_ / "manifest.csv");
    fs::remove(run_ / "plan.csv");
    run_.finish();
  }

 private:
  void log_times(double total) const {
    const SampleTimes& times = *generator_.times;
    const double rest = total - times.prepare - times.text - times.denoise - times.decode;
    if (times.denoise > 0)
      log::info("{:.1f} s: weights {:.1f} s, text {:.1f} s, denoising {:.1f} s ({:.0f} %), decoding latents {:.1f} s, encoding and writing files {:.1f} s", total,
                times.prepare, times.text, times.denoise, 100 * times.denoise / total, times.decode, rest);
  }
  const SynthesizeConfig& config_;
  const SynthesisGenerator& generator_;
  const SynthesisPlan& plan_;
  SynthesisPart part_;
  const RunDir& run_;
  RedrawnImages redrawn_;
};

ExitCode make_part(SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                   const SynthesisPart& part, const std::string& command) {
  if (part.count > 1) claim_job_folder(config, plan);
  const RunDir run = RunDir::open(part_folder(config.run.output, part), parse_resume(config.run.resume), config, command);
  if (run.is_done()) return ExitCode::kDone;
  run.set_ancestry(generator.ancestry);
  SynthesisRun synthesis(config, generator, plan, part, run);
  synthesis.write_plan();
  if (!synthesis.make_images()) {
    log::warn("stopped by {}; the same command with --resume auto makes the rest", StopSignal::name());
    return ExitCode::kSaved;
  }
  synthesis.finish();
  return ExitCode::kDone;
}

/// With all parts done: their manifests and images are those of the plan, so the whole is.
ExitCode merge_parts(SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                     const std::string& command) {
  const fs::path output = config.run.output;
  const int64_t count = finished_parts(config, plan);
  const Resume resume = parse_resume(config.run.resume);
  std::vector<std::string> beside{"parts", "shards"};
  for (const RequestedSet& set : plan.sets()) beside.push_back(set.folder);
  const RedrawnImages redrawn(output / "redrawn.csv", redrawn_files(output));
  if (!is_there(output / "DONE")) {
    for (int64_t i = 0; i < count; ++i) {
      const SynthesisPart part{i, count};
      const fs::path manifest = part_folder(output, part) / "manifest.csv";
      if (!SynthesisManifest(plan, part, generator.hash, &redrawn, "../../").equals(manifest))
        reject("--merge: {} is not the manifest of this job; make the part anew, with the generator of the others",
               manifest.string());
    }
    verify_synthesis_output(plan, redrawn, output, generator.hash);
  }
  const RunDir run = RunDir::open(output, resume, config, command, beside);
  if (run.is_done()) return ExitCode::kDone;
  run.set_ancestry(generator.ancestry);
  write_synthesis_report(run, config, plan, {});
  SynthesisManifest(plan, {}, generator.hash, &redrawn).write(run / "manifest.csv");
  run.finish();
  return ExitCode::kDone;
}

/// Each process makes its part; when all are whole and these are all there are, the leader merges them.
ExitCode make_parts_together(Group& group, SynthesizeConfig& config, const SynthesisGenerator& generator, const SynthesisPlan& plan,
                             const SynthesisPart& part, const std::string& command) {
  const ExitCode own = make_part(config, generator, plan, part, command);
  bool all_done = true;
  for (const std::string& code : group.gather(own == ExitCode::kDone ? "done" : "saved")) all_done = all_done && code == "done";
  if (group.share(all_done ? "done" : "saved") != "done") return ExitCode::kSaved;
  if (!group.is_leader() || part.count != group.size()) return ExitCode::kDone;
  return merge_parts(config, generator, plan, command);
}

}  // namespace

ExitCode synthesize(SynthesizeConfig& config, SynthesisGenerator& generator, const std::string& command, std::ostream& out) {
  if (config.merge && !config.part.empty()) reject("--merge and --part contradict each other: the parts first, then --merge");
  const Launch launch = config.merge ? Launch{} : launch_of_this_process();
  const SynthesisPart part = synthesis_part(config, launch);
  const SynthesisPlan plan(config, generator);
  if (config.execution.dry_run) {
    out << describe_synthesis(config, generator, plan, part);
    return ExitCode::kDone;
  }
  if (launch.size > 1)
    return run_together(torch::kCPU, config.group.timeout_seconds,
                        [&](Group& group) { return make_parts_together(group, config, generator, plan, part, command); });
  return config.merge ? merge_parts(config, generator, plan, command) : make_part(config, generator, plan, part, command);
}

ExitCode synthesize(SynthesizeConfig& config, const std::string& command, std::ostream& out) {
  SynthesisGenerator generator = load_synthesis_generator(config);
  return synthesize(config, generator, command, out);
}

}  // namespace defound
