// The whole method for one seed of rating prediction: fit, fold, pre-train, tune, augment with attributes, refit, rate. What it decides on
// validation and what it measures on test comes after it (rating_rows.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/language_model_rating.h"
#include "pipeline/run_setup.h"
#include "pipeline/seed_record.h"
#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

/// A phase's held-out ratings with what everybody predicts. All vectors: one entry per user.
struct PhaseRatings {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> items;
  std::vector<bool> known;           ///< whether training has seen the item
  std::vector<double> ratings;       ///< the true ones
  std::vector<double> conventional;  ///< the backbone's
  MethodRatings language_model;      ///< by method
  MethodRatings controls;            ///< other predictions in the language model's place, by name
};

/// A backbone's predictions at validation and test.
struct BackboneRatings {
  PhaseRatings validation;
  PhaseRatings test;
};

/// What one seed's stages produced.
struct RatingSeedOutcome : SeedRecord {
  BackboneRatings base;   ///< language_model = the plainly tuned model (IFT)
  BackboneRatings refit;  ///< of the backbone on augmented data; language_model = the model tuned on augmented prompts
  BackboneRatings
      base_augmented;  ///< Base with the model tuned on augmented prompts; empty without run.controls or attributes
  std::map<std::string, PhaseRatings> refit_controls;  ///< test predictions of refits on other augmentations, by name
};

/// Runs or resumes one seed. Everything it keeps lies under `store`.
RatingSeedOutcome run_rating_seed(const RunSetup& setup, StageStore& store, std::uint64_t seed);

}  // namespace llama4rec::pipeline
