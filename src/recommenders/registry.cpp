#include "recommenders/registry.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "recommenders/direct/lightgcn.h"
#include "recommenders/direct/matrix_factorization.h"
#include "recommenders/direct/mixgcf.h"
#include "recommenders/direct/popularity.h"
#include "recommenders/direct/sgl.h"
#include "recommenders/rating/afm.h"
#include "recommenders/rating/als.h"
#include "recommenders/rating/autoint.h"
#include "recommenders/rating/biases.h"
#include "recommenders/rating/dcn.h"
#include "recommenders/rating/deepfm.h"
#include "recommenders/rating/nfm.h"
#include "recommenders/rating/xdeepfm.h"
#include "recommenders/sequential/bert4rec.h"
#include "recommenders/sequential/cl4srec.h"
#include "recommenders/sequential/item_transitions.h"
#include "recommenders/sequential/sasrec.h"
#include "tensor/parallel/world.h"

namespace llama4rec::recommenders {
namespace {

/// What a model is made of besides its options.
struct Start {
  std::uint64_t seed = 1;
  const tensor::World* world = nullptr;  ///< null where this process trains alone
};

using TopKFactory = std::unique_ptr<TopKRecommender> (*)(const config::Configuration&, const Start&);
using RatingFactory = std::unique_ptr<RatingPredictor> (*)(const config::Configuration&, std::uint64_t);

/// A model's line: one of the two factories is set.
struct Entry {
  RecommenderInfo info;
  TopKFactory top_k = nullptr;
  RatingFactory rating = nullptr;
  bool shared = false;  ///< several processes can train it together
};

EmbeddingSettings embedding_settings(const config::Configuration& configuration, const Start& start) {
  const auto* device = configuration.find("device");
  return {.train = configuration.read<TrainOptions>(),
          .pairs = configuration.read<PairOptions>(),
          .layers = 0,
          .device = device != nullptr ? device->text : "cpu",
          .seed = start.seed,
          .world = start.world};
}

template <class Model, class Options>
std::unique_ptr<RatingPredictor> make_deep(const config::Configuration& configuration, std::uint64_t seed) {
  return std::make_unique<Model>(deep_rating_settings(configuration, seed), configuration.read<Options>());
}

SequenceSettings sequence_settings(const config::Configuration& configuration, const Start& start) {
  const auto* device = configuration.find("device");
  return {.train = configuration.read<TrainOptions>(),
          .sequence = configuration.read<SequenceOptions>(),
          .device = device != nullptr ? device->text : "cpu",
          .seed = start.seed,
          .world = start.world};
}

const std::vector<Entry>& entries() {
  using enum RecommenderKind;
  using Configuration = config::Configuration;
  using TopK = std::unique_ptr<TopKRecommender>;
  using Rating = std::unique_ptr<RatingPredictor>;
  static const std::vector<Entry> table = {
      {.info = {"popularity", "Popularity", kDirect, "-"},
       .top_k = [](const Configuration&, const Start&) -> TopK { return std::make_unique<Popularity>(); }},
      {.info = {"mf", "MF", kDirect, "Rendle et al., BPR, UAI 2009"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<MatrixFactorization>(embedding_settings(c, start));
       },
       .shared = true},
      {.info = {"lightgcn", "LightGCN", kDirect, "He et al., LightGCN, SIGIR 2020"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<LightGcn>(embedding_settings(c, start), c.read<LightGcnOptions>());
       },
       .shared = true},
      {.info = {"sgl", "SGL", kDirect, "Wu et al., SGL, SIGIR 2021"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<Sgl>(embedding_settings(c, start), c.read<SglOptions>());
       }},
      {.info = {"mixgcf", "MixGCF", kDirect, "Huang et al., MixGCF, KDD 2021"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<MixGcf>(embedding_settings(c, start), c.read<MixGcfOptions>());
       }},
      {.info = {"item_transitions", "Item transitions", kSequential, "-"},
       .top_k = [](const Configuration& c, const Start&) -> TopK {
         return std::make_unique<ItemTransitions>(c.read<ItemTransitionOptions>());
       }},
      {.info = {"sasrec", "SASRec", kSequential, "Kang and McAuley, SASRec, ICDM 2018"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<SasRec>(sequence_settings(c, start), c.read<SasRecOptions>());
       },
       .shared = true},
      {.info = {"bert4rec", "BERT4Rec", kSequential, "Sun et al., BERT4Rec, CIKM 2019"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<Bert4Rec>(sequence_settings(c, start), c.read<Bert4RecOptions>());
       },
       .shared = true},
      {.info = {"cl4srec", "CL4SRec", kSequential, "Xie et al., CL4SRec, ICDE 2022"},
       .top_k = [](const Configuration& c, const Start& start) -> TopK {
         return std::make_unique<Cl4SRec>(sequence_settings(c, start), c.read<SasRecOptions>(),
                                          c.read<Cl4SRecOptions>());
       }},
      {.info = {"biases", "Biases", kRating, "Koren, Factor in the neighbors, TKDD 2010"},
       .rating = [](const Configuration& c, std::uint64_t) -> Rating {
         return std::make_unique<Biases>(c.read<BiasOptions>());
       }},
      {.info = {"als", "Biased MF by ALS", kRating, "Zhou et al., Large-scale parallel CF, AAIM 2008"},
       .rating = [](const Configuration& c, std::uint64_t seed) -> Rating {
         return std::make_unique<Als>(c.read<AlsOptions>(), seed);
       }},
      {.info = {"deepfm", "DeepFM", kRating, "Guo et al., DeepFM, IJCAI 2017"},
       .rating = make_deep<DeepFm, DeepFmOptions>},
      {.info = {"nfm", "NFM", kRating, "He and Chua, Neural Factorization Machines, SIGIR 2017"},
       .rating = make_deep<Nfm, NfmOptions>},
      {.info = {"dcn", "DCN", kRating, "Wang et al., Deep & Cross Network, ADKDD 2017"},
       .rating = make_deep<Dcn, DcnOptions>},
      {.info = {"afm", "AFM", kRating, "Xiao et al., Attentional Factorization Machines, IJCAI 2017"},
       .rating = make_deep<Afm, AfmOptions>},
      {.info = {"xdeepfm", "xDeepFM", kRating, "Lian et al., xDeepFM, KDD 2018"},
       .rating = make_deep<XDeepFm, XDeepFmOptions>},
      {.info = {"autoint", "AutoInt", kRating, "Song et al., AutoInt, CIKM 2019"},
       .rating = make_deep<AutoInt, AutoIntOptions>},
  };
  return table;
}

const Entry& entry(const std::string& name) {
  const auto& table = entries();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Entry& e) { return e.info.name == name; });
  if (found != table.end()) return *found;
  const auto nearest = std::min_element(table.begin(), table.end(), [&](const Entry& a, const Entry& b) {
    return text::edit_distance(a.info.name, name) < text::edit_distance(b.info.name, name);
  });
  throw UsageError(fmt::format("unknown recommender \"{}\"; the nearest name is \"{}\"", name, nearest->info.name));
}

}  // namespace

const std::vector<RecommenderInfo>& all() {
  static const std::vector<RecommenderInfo> infos = [] {
    std::vector<RecommenderInfo> result;
    for (const Entry& e : entries()) result.push_back(e.info);
    return result;
  }();
  return infos;
}

const RecommenderInfo& info(const std::string& name) { return entry(name).info; }

std::vector<std::string> option_prefixes(const std::string& name) {
  std::vector<std::string> prefixes{"train.", name + "."};
  switch (info(name).kind) {
    case RecommenderKind::kDirect:
      prefixes.emplace_back("augmentation.pair_weight");
      break;
    case RecommenderKind::kSequential:
      prefixes.insert(prefixes.end(), {"sequence.", "sasrec."});  // CL4SRec has SASRec's loss
      break;
    case RecommenderKind::kRating:
      prefixes.emplace_back("rating.");
      break;
  }
  return prefixes;
}

void check_shared(const std::string& name, int processes) {
  if (processes == 1 || entry(name).shared) return;
  std::vector<std::string> shared;
  for (const Entry& e : entries()) {
    if (e.shared) shared.push_back(e.info.name);
  }
  throw UsageError(fmt::format("{} is trained by one process, and {} were started; several can train {}", name,
                               processes, text::join(shared, ", ")));
}

std::unique_ptr<TopKRecommender> create_top_k(const std::string& name, const config::Configuration& configuration,
                                              std::uint64_t seed, const tensor::World* world) {
  const Entry& e = entry(name);
  if (e.top_k == nullptr) throw UsageError(fmt::format("\"{}\" predicts ratings; it does not rank items", name));
  check_shared(name, world == nullptr ? 1 : world->size());
  return e.top_k(configuration, {.seed = seed, .world = world});
}

std::unique_ptr<RatingPredictor> create_rating(const std::string& name, const config::Configuration& configuration,
                                               std::uint64_t seed) {
  const Entry& e = entry(name);
  if (e.rating == nullptr) throw UsageError(fmt::format("\"{}\" ranks items; it does not predict ratings", name));
  return e.rating(configuration, seed);
}

void add_options(config::OptionTable& table) {
  table.add<TrainOptions>();
  table.add<PairOptions>();
  table.add<LightGcnOptions>();
  table.add<SglOptions>();
  table.add<MixGcfOptions>();
  table.add<ItemTransitionOptions>();
  table.add<SequenceOptions>();
  table.add<SasRecOptions>();
  table.add<Bert4RecOptions>();
  table.add<Cl4SRecOptions>();
  table.add<BiasOptions>();
  table.add<AlsOptions>();
  table.add<FeatureOptions>();
  table.add<DeepRatingOptions>();
  table.add<DeepFmOptions>();
  table.add<NfmOptions>();
  table.add<DcnOptions>();
  table.add<AfmOptions>();
  table.add<XDeepFmOptions>();
  table.add<AutoIntOptions>();
}

}  // namespace llama4rec::recommenders
