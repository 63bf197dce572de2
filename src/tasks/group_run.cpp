#include "group_run.h"

#include <ostream>

#include <fmt/ranges.h>

#include "defound/config/json.h"
#include "defound/data/dataset.h"
#include "defound/run/host.h"
#include "defound/tasks/predict.h"

namespace defound {

std::string kept_rows(const ImageTable& before, const ImageTable& after) {
  std::string kept;
  size_t next = 0;
  for (const ImageRow& row : before.rows) {
    const bool stays = next < after.rows.size() && after.rows[next].path == row.path;
    if (stays) ++next;
    kept += stays ? '1' : '0';
  }
  return kept;
}

void keep_rows(ImageTable& table, const std::string& kept) {
  if (kept.size() != table.rows.size())
    fail("rank 0 sees {} images, this process {}: they do not read the same data", kept.size(), table.rows.size());
  std::vector<ImageRow> rows;
  for (size_t i = 0; i < kept.size(); ++i) if (kept[i] == '1') rows.push_back(std::move(table.rows[i]));
  table.rows = std::move(rows);
}

namespace {

void require_same_options(Group& group, Config& config) {
  const Json leaders = parse_json(group.share(to_json(config).dump()), "the options of rank 0");
  auto changes = changed_recipe(config, leaders);
  const Json own = to_json(config);
  for (const char* key : {"shard_optimizer", "sample_every", "validate_epochs", "stage_data"})  // may change between starts, but not between processes
    if (own.contains(key) && own[key] != leaders[key]) changes.push_back(fmt::format("{}: {} -> {}", key, leaders[key].dump(), own[key].dump()));
  if (!changes.empty()) reject("rank {} was started with other options than rank 0 ({}); start all with the same command", group.rank(), fmt::join(changes, "; "));
  group.meet();  // before anything is written
}

}  // namespace

RunDir open_run(Group& group, const RunOptions& options, Config& config, const std::string& command) {
  require_same_options(group, config);
  const Resume resume = parse_resume(options.resume);
  if (group.is_leader()) {
    RunDir run = RunDir::open(options.output, resume, config, command);
    group.share(Json{{"continued", run.is_continued()}, {"done", run.is_done()}}.dump());
    return run;
  }
  const Json found = parse_json(group.share(""), "the leader");
  return RunDir::follow(options.output, found.at("continued"), found.at("done"));
}

void prepare_run(Group& group, TrainingData& data, const RunDir& run, const DataOptions& options, const ExecutionOptions& execution,
                 const std::vector<std::string>& ancestors) {
  if (group.size() == 1) return prepare_run(data, run, options, execution, ancestors);
  for (ImageTable* table : {&data.train, &data.val}) {
    if (!group.is_leader()) keep_rows(*table, group.share(""));
  }
  if (!group.is_leader()) return;
  const ImageTable train = data.train, val = data.val;
  prepare_run(data, run, options, execution, ancestors);
  group.share(kept_rows(train, data.train));
  group.share(kept_rows(val, data.val));
}

ExitCode print_plan(std::ostream& out, const std::string& text) {
  if (launch_of_this_process().rank == 0) out << text;
  return ExitCode::kDone;
}

std::unique_ptr<StagedImages> stage_data(Group& group, TrainingData& data, const TrainOptions& train, const ExecutionOptions& execution) {
  if (!train.stage_data) return nullptr;
  const auto self = this_process();
  const std::string name = group.share(fmt::format("defound-{}-{}-{}", self.host, self.pid, self.born));  // this run's alone
  ImageTable* const tables[] = {&data.train, &data.val};
  auto staged = std::make_unique<StagedImages>(tables, scratch_folder() / name, group.launch().local_rank == 0, execution.threads);
  group.meet();
  return staged;
}

Predictions predict_together(Group& group, VisionTransformer& model, const Dataset& dataset, int64_t batch_size, torch::Device device,
                             int64_t num_workers) {
  const DatasetShare share(dataset, share_of(dataset.size(), group.rank(), group.size()));
  Predictions predictions = predict(model, group.size() == 1 ? dataset : share, batch_size, device, num_workers);
  if (group.size() == 1) return predictions;
  const int64_t rows = predictions.size();
  const torch::Tensor probabilities =
      group.gather_rows(torch::tensor(predictions.probabilities, torch::kFloat64).view({rows, predictions.classes}));  // [N, classes]
  const torch::Tensor labels = group.gather_rows(torch::tensor(predictions.labels, torch::kInt64));                   // [N]
  const double* values = probabilities.const_data_ptr<double>();
  predictions.probabilities.assign(values, values + probabilities.numel());
  predictions.labels.assign(labels.const_data_ptr<int64_t>(), labels.const_data_ptr<int64_t>() + labels.numel());
  return predictions;
}

}  // namespace defound
