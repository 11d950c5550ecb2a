#include "pipeline/language_model_stages.h"

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/random.h"
#include "data/provenance_file.h"
#include "llm/embedded_llm.h"
#include "llm/engine/precision.h"
#include "llm/lora/adapter_files.h"
#include "llm/training_progress.h"
#include "prompts/fit_context.h"
#include "prompts/instruction_sampling.h"

namespace llama4rec::pipeline {
namespace {

constexpr const char* kProvenanceFile = "provenance.json";
constexpr const char* kModelFolder = "model";
constexpr const char* kTrainingState = "training_state";

llm::TrainingHooks training_hooks(const StageFolder& stage, const std::string& what, llm::TrainingProgress& progress) {
  llm::TrainingHooks hooks;
  hooks.checkpoint = stage.path / kTrainingState;
  hooks.on_step = [&progress, what, epoch = std::int64_t{0},
                   last = llm::TrainingStep{}](const llm::TrainingStep& step) mutable {
    if (step.epoch != epoch && last.step > 0) {
      log::debug("{}: {}", what, llm::training_note(last));
    }
    epoch = step.epoch;
    last = step;
    progress.show(step);
  };
  return hooks;
}

void summarise(const llm::TrainingSummary& training, nlohmann::ordered_json& summary) {
  summary["losses"] = training.losses;
  summary["steps"] = training.steps;
  summary["tokens"] = training.tokens;
  summary["learned_tokens"] = training.learned_tokens;
  summary["seconds"] = training.seconds;
}

/// An instruction's text whose answer has at most `most_tokens`: only a continuation's can be longer, and it may end early. The
/// prompt gives way to what is left (llm/training_example.h).
llm::TrainingText bounded(const prompts::Instruction& instruction, std::int64_t most_tokens,
                          const prompts::TokenCounter& count) {
  llm::TrainingText text = instruction.training_text();
  const std::size_t prompt_size = instruction.prompt.segments.size();
  const auto begin = static_cast<std::ptrdiff_t>(prompt_size);
  const llm::TrainingText answer{.segments = {text.segments.begin() + begin, text.segments.end()},
                                 .learn = std::vector<bool>(text.segments.size() - prompt_size, true),
                                 .end = text.end};
  const llm::TrainingText first = prompts::cut_to_fit(answer, most_tokens, count).front();
  text.segments.resize(prompt_size);
  text.segments.insert(text.segments.end(), first.segments.begin(), first.segments.end());
  text.learn.resize(text.segments.size());
  return text;
}

std::vector<prompts::Instruction> write_instructions(const TuningCases& cases, bool augmented,
                                                     prompts::InstructionWriter& writer) {
  std::vector<prompts::Instruction> instructions;
  for (const auto& it : cases.ranking) {
    instructions.push_back(writer.ranking(it, prompts::InstructionKind::kRanking, augmented));
  }
  for (const auto& it : cases.pairs) {
    instructions.push_back(writer.ranking(it, prompts::InstructionKind::kPair, augmented));
  }
  for (const auto& it : cases.choices) {
    instructions.push_back(writer.ranking(it, prompts::InstructionKind::kChoice, augmented));
  }
  for (std::size_t n = 0; n < cases.continuation.size(); ++n) {
    instructions.push_back(writer.continuation(cases.continuation[n], cases.liked_next[n], augmented));
  }
  for (const auto& it : cases.rating) instructions.push_back(writer.rating(it, augmented));
  return instructions;
}

/// Saves the trained model, or its adapters; the state that an interrupted training resumes from has then done its work.
void keep(const llm::EmbeddedLlm& model, const StageFolder& stage) {
  if (model.adapted()) {
    model.save_adapters(stage.path / kModelFolder);
  } else {
    model.save(stage.path / kModelFolder);
  }
  std::filesystem::remove(stage.path / kTrainingState);
}

/// What a finished training stage left.
RunModel made_by(StageResult stage, const RunSetup& setup) {
  RunModel model{.folder = stage.path / kModelFolder,
                 .provenance = data::read_provenance(stage.path / kProvenanceFile, setup.dataset().size())};
  model.stage = std::move(stage);
  return model;
}

}  // namespace

std::string arithmetic(const std::string& precision) {
  return "arithmetic=" + llm::to_string(llm::parse_precision(precision));
}

RunModel pretrain_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard,
                        const prompts::InstructionFold& fold, std::uint64_t seed) {
  // Of "llm." the model's shape alone: how it answers changes no weight.
  std::vector<std::string> dependencies =
      setup.dependencies({"llm.hidden", "llm.intermediate", "llm.layers", "llm.heads", "llm.key_value_heads",
                          "llm.context", "llm.vocabulary", "llm.piece_length", "llm.dropout", "llm.rope_theta",
                          "pretraining.", "instructions.held_back", "instructions.minimum_history", "prompts.style"},
                         {"pretraining.checkpoint_seconds", "pretraining.activation_checkpointing"});
  dependencies.push_back(fmt::format("seed={}", seed));
  dependencies.push_back(arithmetic(setup.configuration.read<llm::PretrainingOptions>().precision));
  const auto pretrain = [&](StageFolder& stage) {
    const prompts::PretrainingText text(setup.dataset(), fold.before, setup.loaded.positive_threshold, setup.texts,
                                        setup.templates, setup.pretraining_text, seed);
    guard.admit_training_text(data::Phase::kPretraining, text.provenance());
    data::write_provenance(stage.path / kProvenanceFile, text.provenance());
    const auto model_options = setup.configuration.read<llm::ModelOptions>();
    const auto training_options = setup.configuration.read<llm::PretrainingOptions>();
    const auto tokenizer_file = stage.path / "tokenizer.model";
    llm::train_tokenizer(text.tokenizer_texts(), model_options, derived_seed(seed, "llm.tokenizer"), tokenizer_file);
    auto model =
        llm::EmbeddedLlm::create(tokenizer_file, model_options, derived_seed(seed, "llm.weights"), setup.device);
    llm::TrainingProgress progress("pre-training");
    const prompts::TokenCounter count =
        prompts::remembering([&](const std::string& segment) { return model->count_tokens(segment); });
    const auto source = [&](std::int64_t epoch) {
      std::vector<llm::TrainingText> fitting;
      for (const llm::TrainingText& long_text : text.epoch(epoch)) {
        for (llm::TrainingText& piece : prompts::cut_to_fit(long_text, model->context_length(), count)) {
          fitting.push_back(std::move(piece));
        }
      }
      return fitting;
    };
    const auto summary = model->train(source, training_options, derived_seed(seed, "llm.pretraining"),
                                      training_hooks(stage, "pre-training", progress));
    progress.finish();
    keep(*model, stage);
    summarise(summary, stage.summary);
    stage.summary["parameters"] = model->parameters();
  };
  return made_by(store.run("pretrain", dependencies, pretrain), setup);
}

RunModel checkpoint_stage(StageStore& store, const RunSetup& setup) {
  const llm::CheckpointDescription& checkpoint = *setup.checkpoint;
  const std::vector<std::string> dependencies{
      "checkpoint=" + checkpoint.fingerprint,
      setup.configuration.canonical({"llm.chat_template", "llm.system_text"}),
  };
  StageResult stage = store.run("checkpoint", dependencies, [&](StageFolder& folder) {
    folder.summary["name"] = checkpoint.name;  // when it was first used
    folder.summary["parameters"] = checkpoint.parameters;
    folder.summary["context"] = checkpoint.context;
    folder.summary["fingerprint"] = checkpoint.fingerprint;
  });
  return {.stage = std::move(stage),
          .folder = setup.run.llm_checkpoint,
          .chat = setup.configuration.read<llm::ChatOptions>(),
          .provenance = {.what = "the checkpoint " + checkpoint.name,
                         .interactions = InteractionSet(setup.dataset().size())}};
}

RunModel tune_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard, const RunModel& pretrained,
                    const TuningFit& fit, std::uint64_t seed) {
  const bool augmented = fit.augmented;
  // What changes no weight stays out, and what is not used.
  std::vector<std::string> without = prompts::candidate_options();
  without.insert(without.end(), {"tuning.checkpoint_seconds", "tuning.activation_checkpointing"});
  if (setup.configuration.read<llm::TuningOptions>().method != "lora") without.emplace_back("tuning.lora_");
  for (std::string& idle : prompts::idle_sampling_options(setup.instructions)) without.push_back(std::move(idle));
  std::vector<std::string> dependencies = setup.dependencies({"tuning.", "instructions.", "prompts."}, without);
  dependencies.push_back(arithmetic(setup.configuration.read<llm::TuningOptions>().precision));
  dependencies.insert(dependencies.end(), fit.case_dependencies.begin(), fit.case_dependencies.end());
  dependencies.push_back(fmt::format("candidates={}", setup.prompts.candidates_at_once()));
  dependencies.push_back("pretrained=" + pretrained.stage.key);
  dependencies.push_back(fmt::format("seed={}", seed));
  const auto tune = [&](StageFolder& stage) {
    auto model = open_language_model(setup, guard, data::Phase::kInstructionTuning, pretrained);
    const TuningCases cases = fit.make_cases();
    guard.admit_training_text(data::Phase::kInstructionTuning, cases.provenance);
    Provenance read = pretrained.provenance;
    read.what =
        augmented ? "the language model tuned on augmented prompts" : "the language model tuned on plain prompts";
    if (setup.checkpoint) read.what += fmt::format(" (pre-training of {} not known)", setup.checkpoint->name);
    read.interactions |= cases.provenance.interactions;
    data::write_provenance(stage.path / kProvenanceFile, read);
    const prompts::TokenCounter count =
        prompts::remembering([&](const std::string& segment) { return model->count_tokens(segment); });
    prompts::CaseWriter case_writer(setup.texts, setup.templates, setup.prompts, seed, count, model->context_length());
    prompts::InstructionWriter writer(case_writer, setup.texts, setup.instructions);
    std::vector<prompts::Instruction> instructions = write_instructions(cases, augmented, writer);
    const std::int64_t repeated = prompts::drop_repeated(instructions);
    const prompts::SamplingAccount sampling =
        prompts::draw_instructions(instructions, setup.instructions, cases.users, seed);
    if (instructions.empty()) {
      throw DataError("no instruction can be made from this data set: no user has enough interactions");
    }

    const std::string what = augmented ? "tuning (augmented prompts)" : "tuning (plain prompts)";
    log::info("{}: {}", what, prompts::sampling_note(sampling));

    AtomicFile file(stage.path / "instructions.jsonl");
    std::map<std::string, std::int64_t> counts;
    std::vector<llm::TrainingText> texts;
    for (const auto& instruction : instructions) {
      ++counts[to_string(instruction.kind)];
      texts.push_back(bounded(instruction, model->context_length() / 2, count));
      file.write(instruction.alpaca_json(setup.dataset()) + "\n");
    }
    file.commit();

    llm::TrainingProgress progress(what);
    const auto training_options = setup.configuration.read<llm::TuningOptions>();
    const auto summary = model->train([&](std::int64_t) { return texts; }, training_options,
                                      derived_seed(seed, augmented ? "llm.tuning.augmented" : "llm.tuning.plain"),
                                      training_hooks(stage, "tuning", progress));
    progress.finish();
    keep(*model, stage);
    summarise(summary, stage.summary);
    stage.summary["instructions"] = counts;
    stage.summary["sampling"] = prompts::to_json(sampling);
    stage.summary["repeated_instructions_dropped"] = repeated;
    stage.summary["rankings_without_positive"] = cases.without_positive;
    stage.summary["targets_injected"] = cases.injected;
    std::vector<std::int64_t> positions(static_cast<std::size_t>(setup.prompts.candidates_at_once()), 0);
    for (const auto position : cases.target_positions) ++positions[static_cast<std::size_t>(position - 1)];
    stage.summary["target_positions"] = positions;
    stage.summary["trimmed_prompts"] = case_writer.trimming().trimmed_prompts;
    stage.summary["trimmed_items"] = case_writer.trimming().trimmed_items;
  };
  const std::string name = (augmented ? "tune-augmented" : "tune-plain") + fit.suffix;
  RunModel tuned = made_by(store.run(name, dependencies, tune), setup);
  tuned.base = pretrained.folder;
  return tuned;
}

std::unique_ptr<llm::EmbeddedLlm> open_language_model(const RunSetup& setup, const data::LeakGuard& guard,
                                                      data::Phase phase, const RunModel& model) {
  guard.admit_language_model(phase, model.provenance);
  // Stages are shared by content: the checkpoint that adapters name may have moved, and another one lie in its place.
  const auto base = llm::is_adapter_folder(model.folder) ? model.base : std::filesystem::path();
  auto opened = llm::EmbeddedLlm::load(model.folder, setup.device, model.chat, base);
  opened->set_engine(setup.configuration.read<llm::EngineOptions>());
  return opened;
}

}  // namespace llama4rec::pipeline
