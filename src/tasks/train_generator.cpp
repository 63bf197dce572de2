#include "defound/tasks/train_generator.h"

#include <fmt/ranges.h>

#include <ostream>

#include "defound/tensor/device.h"
#include "defound/train/training_report.h"
#include "generator_setup.h"
#include "generator_source.h"
#include "generator_training.h"
#include "group_run.h"
#include "loop_setup.h"
#include "sample_grid.h"

namespace defound {

namespace {

ExitCode train_generator_in(Group& group, TrainGeneratorConfig& config, GeneratorSource& source, Generator generator,
                            const RequestOptions& request_options, torch::Device device, const std::string& command) {
  const RunDir run = open_run(group, config.run, config, command);
  if (run.is_done()) return ExitCode::kDone;
  source.prepare(group, run);
  const auto staged = source.is_cached() ? nullptr : stage_data(group, source.data, config.train, config.execution);
  Condition& condition = *generator.model->condition;
  const TrainingRequests requests(request_options, source.data.train, condition.reads_text());
  if (auto* text = dynamic_cast<TextCondition*>(&condition)) text->set_labels(requests.label_prompts());
  for (ImageTable* table : {&source.data.train, &source.data.val})
    for (ImageRow& row : table->rows) row.prompt = requests.plain(row);

  const auto dataset = source.training_set();
  GeneratorTraining training(config, std::move(generator), requests, source, device, run, group);
  Objective objective = training.objective();
  const ExitCode code = train(objective, *dataset, loop_options(config.train, config.run, config.execution, device, group), run);
  if (code != ExitCode::kDone || !group.is_leader()) return code;
  std::vector<ReportPicture> pictures = saved_sample_grids(run);
  Generator product = training.load_product();
  const SampleRows rows = sample_rows(config, training.generator());
  pictures.push_back({fmt::format("Samples of the product, a row for each of: {}", fmt::join(rows.names, ", ")),
                      sample_grid(config, product, rows, /*may_stop=*/true)});
  write_training_report(run, "Generator training", pictures);
  run.finish();
  return code;
}

}  // namespace

ExitCode train_generator(TrainGeneratorConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  GeneratorSource source(config);
  if (config.execution.dry_run)
    return print_plan(out, describe_plan(plan_of_generator(config, source.data.train.size()), config.train, config.execution.precision, config.run.output));
  total_steps(config.train, source.data.train.size());  // rejects fewer images than a batch before the run's folder is made
  Generator generator = start_generator(config, source.data.train.classes);
  const RequestOptions request_options{config.prompt_template, config.compose_labels, config.label_drop};
  // rejects what it cannot follow, and what a cache lacks, before there is a folder
  source.attach(generator, device, TrainingRequests(request_options, source.data.train, generator.model->condition->reads_text()));
  return run_together(device, config.group.timeout_seconds, [&](Group& group) {
    return train_generator_in(group, config, source, std::move(generator), request_options, device, command);
  });
}

}  // namespace defound
