#include "pipeline/run_options.h"

namespace llama4rec::pipeline {

void RunOptions::declare(config::OptionVisitor& visit) {
  visit.option("data.name", data_name, config::anything(),
               "Data set: ml-100k, ml-1m, book-crossing, sample, or the folder of an imported one.", "IV-A1");
  visit.option("data.fetch", data_fetch, config::anything(), "Download the data set where it is not on this machine.");
  visit.option("data.fallback", data_fallback, config::anything(),
               "Data set to use where data.name can neither be found nor downloaded; empty: stop with an error.");
  visit.option(
      "run.backbone", backbone, config::anything(),
      "The conventional recommender that the method improves: a direct or sequential one, or a rating predictor.",
      "IV-A4");
  visit.option("run.second_backbone", second_backbone, config::anything(),
               "Control: this recommender's order in the language model's place; empty: none.");
  visit.option("run.second_rating_backbone", second_rating_backbone, config::anything(),
               "The same for rating prediction.");
  visit.option(
      "run.profiles", profiles, config::anything(),
      "Folder with recommenders' options, DATASET/MODEL.yaml; a model without a file has the program's defaults. "
      "What the run sets stands above, but its train. options are the backbone's alone.");
  visit.option("run.repeats", repeats, config::between(1, 1000),
               "Seeds: the run is repeated with seed, seed + 1, ...; users' metrics are averaged over them.", "IV-A5");
  visit.option("run.rounds", rounds, config::between(1, 4),
               "Rounds of mutual augmentation in top-k tasks: tuning, augmentation and refit are repeated with "
               "candidates and hints of refit backbones. What a round costs: docs/augmentation.md.",
               "VI");
  visit.option(
      "run.controls", controls, config::anything(),
      "Also make the rows that tell what a gain means: other orders in the language model's place, pairs ordered at "
      "random or by popularity.");
  visit.option("run.directory", directory, config::anything(), "Where run folders are kept.");
  visit.option("run.profile", profile, config::anything(), "A label for tables and reports, such as quick.");
  visit.option(
      "llm.kind", llm_kind, config::one_of({"embedded", "checkpoint", "remote"}),
      "The language model of a run: embedded (made and tuned here), checkpoint (llm.checkpoint, tuned here) or remote "
      "(servers with the OpenAI API, not tuned). prompts.style of the last two is verbose unless set.");
  visit.option("llm.checkpoint", llm_checkpoint, config::anything(),
               "A folder in the layout of Hugging Face, for llm.kind: checkpoint.", "IV-A5");
  visit.option("augmentation.prompts", augmentation_prompts, config::one_of({"plain", "augmented"}),
               "Prompts of data augmentation; augmented ones carry the similar user, never a hint.", "III-B1");
  visit.option("augmentation.refit", refit, config::one_of({"anew", "continued"}),
               "How the backbone takes up the augmented data: trained anew, or the trained one trained on.", "III-B");
}

}  // namespace llama4rec::pipeline
