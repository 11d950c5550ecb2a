// The sequence models' arithmetic: against a plain double-precision form, against finite differences, fast against plain.
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "recommenders/sequential/fast_encoder.h"
#include "recommenders/sequential/sequence_kernels.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;
using Rows = std::vector<std::vector<double>>;

/// The encoder by its definition, one number after the other, without dropout.
class Reference {
 public:
  explicit Reference(const SequenceEncoder& encoder) : shape_(encoder.shape()), parts_(encoder_parts(shape_)) {
    const auto values = encoder.weights().to(torch::kFloat64);
    values_.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  }

  [[nodiscard]] Rows states(const Sequence& sequence, Sight sight) const {
    const auto d = static_cast<std::size_t>(shape_.dimension);
    const auto* items = at("items");
    const auto* positions = at("positions");
    Rows x;
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      std::vector<double> row(d);
      const auto position = static_cast<std::size_t>(shape_.length) - sequence.size() + i;
      for (std::size_t n = 0; n < d; ++n) {
        row[n] = items[static_cast<std::size_t>(sequence[i]) * d + n] + positions[position * d + n];
      }
      x.push_back(row);
    }
    for (std::int64_t number = 0; number < shape_.layers; ++number) x = layer(x, std::to_string(number) + ".", sight);
    return norm(x, "norm");
  }

 private:
  [[nodiscard]] const double* at(const std::string& name) const {
    for (const auto& part : parts_) {
      if (part.name == name) return values_.data() + part.offset;
    }
    throw std::runtime_error(name);
  }
  [[nodiscard]] Rows norm(const Rows& x, const std::string& name) const {
    Rows result = x;
    const auto* gain = at(name);
    const auto* bias = at(name + "_bias");
    for (auto& row : result) {
      const auto d = static_cast<double>(row.size());
      const double mean = std::accumulate(row.begin(), row.end(), 0.0) / d;
      double variance = 0;
      for (const double value : row) variance += (value - mean) * (value - mean) / d;
      for (std::size_t n = 0; n < row.size(); ++n) {
        row[n] = (row[n] - mean) / std::sqrt(variance + 1e-12) * gain[n] + bias[n];
      }
    }
    return result;
  }
  [[nodiscard]] Rows linear(const Rows& x, const std::string& name, std::size_t outputs) const {
    const auto* weight = at(name);
    const auto* bias = at(name + "_bias");
    Rows result;
    for (const auto& row : x) {
      std::vector<double> out(outputs);
      for (std::size_t o = 0; o < outputs; ++o) {
        out[o] = bias[o];
        for (std::size_t n = 0; n < row.size(); ++n) out[o] += weight[o * row.size() + n] * row[n];
      }
      result.push_back(out);
    }
    return result;
  }
  [[nodiscard]] Rows layer(const Rows& x, const std::string& name, Sight sight) const {
    const auto d = static_cast<std::size_t>(shape_.dimension);
    const auto heads = static_cast<std::size_t>(shape_.heads);
    const auto size = d / heads;
    const auto joint = linear(norm(x, name + "attention_norm"), name + "query_key_value", 3 * d);
    Rows attended(x.size(), std::vector<double>(d, 0.0));
    for (std::size_t head = 0; head < heads; ++head) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t seen = sight == Sight::kPast ? i + 1 : x.size();
        std::vector<double> shares(seen);
        double sum = 0;
        for (std::size_t j = 0; j < seen; ++j) {
          double score = 0;
          for (std::size_t n = 0; n < size; ++n) score += joint[i][head * size + n] * joint[j][d + head * size + n];
          shares[j] = std::exp(score / std::sqrt(static_cast<double>(size)));
          sum += shares[j];
        }
        for (std::size_t j = 0; j < seen; ++j) {
          for (std::size_t n = 0; n < size; ++n) {
            attended[i][head * size + n] += shares[j] / sum * joint[j][2 * d + head * size + n];
          }
        }
      }
    }
    auto middle = linear(attended, name + "output", d);
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t n = 0; n < d; ++n) middle[i][n] += x[i][n];
    }
    auto inner = linear(norm(middle, name + "inner_norm"), name + "inner", static_cast<std::size_t>(shape_.inner()));
    for (auto& row : inner) {
      for (auto& v : row) v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    }
    auto out = linear(inner, name + "outer", d);
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t n = 0; n < d; ++n) out[i][n] += middle[i][n];
    }
    return out;
  }

  EncoderShape shape_;
  std::vector<EncoderPart> parts_;
  std::vector<double> values_;
};

/// Weights large enough that nothing is nearly linear, norms and biases that are not what they start as.
SequenceEncoder lively_encoder(const EncoderShape& shape) {
  SequenceEncoder encoder(shape, 3, torch::kCPU);
  torch::manual_seed(5);
  for (const auto& part : encoder_parts(shape)) {
    auto values = encoder.weights().narrow(0, part.offset, part.elements());
    const double mean = part.start == EncoderPart::Start::kOne ? 1 : 0;
    values.copy_(torch::randn({part.elements()}) * (part.shape.size() == 2 ? 0.3 : 0.2) + mean);
  }
  return encoder;
}

Sequence random_sequence(std::size_t length, std::int64_t items, RandomStream& random) {
  Sequence sequence(length);
  for (auto& item : sequence) item = static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(items)));
  return sequence;
}

struct KernelCase {
  EncoderShape shape;
  Sight sight = Sight::kPast;
  bool negatives = false;
  double contrast = 0;
  std::int64_t rows = 9;
};

void PrintTo(const KernelCase& c, std::ostream* out) {
  *out << c.shape.dimension << "d " << c.shape.layers << " layers " << c.shape.heads << " heads, dropout "
       << c.shape.dropout << (c.sight == Sight::kPast ? ", past" : ", everything")
       << (c.negatives ? ", negatives" : ", softmax") << ", contrast " << c.contrast << ", " << c.rows << " rows";
}

/// Sequences of all lengths from 1; about half of the positions are asked; one row has no target at all.
SequenceLesson random_lesson(const KernelCase& c) {
  RandomStream random(11, "tests.lesson");
  SequenceLesson lesson{.sight = c.sight, .seed = 77, .negatives = c.negatives};
  const auto draw = [&] { return static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(c.shape.items))); };
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const auto length = 1 + (row * 5) % c.shape.length;
    // The mask item, too.
    lesson.inputs.push_back(random_sequence(static_cast<std::size_t>(length), c.shape.items + 1, random));
    for (std::int64_t position = 0; position < length; ++position) {
      if (row == 1 || (position + 1 < length && random.below(2) == 0)) continue;
      lesson.targets.push_back({.row = row, .position = position, .item = draw(), .other = draw()});
    }
  }
  if (c.contrast > 0) {
    SequenceContrast contrast{
        .first = {}, .second = {}, .first_seed = 5, .second_seed = 6, .weight = c.contrast, .temperature = 0.4};
    for (std::int64_t row = 0; row < c.rows; ++row) {
      contrast.first.push_back(random_sequence(1 + static_cast<std::size_t>(row) % 7, c.shape.items, random));
      contrast.second.push_back(random_sequence(1 + static_cast<std::size_t>(row * 3) % 7, c.shape.items, random));
    }
    lesson.contrast = contrast;
  }
  return lesson;
}

class SequenceKernelsTest : public ::testing::TestWithParam<KernelCase> {};

TEST_P(SequenceKernelsTest, FastEqualsPlainInLossAndEveryGradient) {
  const auto lesson = random_lesson(GetParam());
  auto encoder = lively_encoder(GetParam().shape);
  const double loss = make_plain_sequence_kernels()->loss_and_gradient(encoder, lesson);
  const Tensor gradient = encoder.gradient().clone();
  const int threads_before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const auto kernels = make_fast_sequence_kernels(GetParam().shape);
    EXPECT_NEAR(kernels->loss_and_gradient(encoder, lesson), loss, 2e-5 * std::abs(loss));
    for (const auto& part : encoder_parts(GetParam().shape)) {
      const auto expected = gradient.narrow(0, part.offset, part.elements());
      const auto found = encoder.gradient().narrow(0, part.offset, part.elements());
      const double scale = expected.abs().max().item<double>();
      EXPECT_GT(scale, 0) << part.name;
      EXPECT_LT((found - expected).abs().max().item<double>(), 3e-4 * scale + 1e-7) << part.name;
    }
    // Buffers that are used again, and the same bits.
    const Tensor once = encoder.gradient().clone();
    kernels->loss_and_gradient(encoder, lesson);
    EXPECT_TRUE(torch::equal(encoder.gradient(), once));
  }
  at::set_num_threads(threads_before);
}

TEST_P(SequenceKernelsTest, GradientIsWhatTheLossDoes) {
  const auto lesson = random_lesson(GetParam());
  auto encoder = lively_encoder(GetParam().shape);
  const auto kernels = make_fast_sequence_kernels(GetParam().shape);
  kernels->loss_and_gradient(encoder, lesson);
  const Tensor gradient = encoder.gradient().clone();
  const Tensor weights = encoder.weights().clone();
  torch::manual_seed(8);
  for (int direction = 0; direction < 4; ++direction) {
    const Tensor step = torch::randn_like(weights);
    const double length = 2e-3;
    const auto loss_at = [&](double factor) {
      encoder.weights().copy_(weights + factor * length * step);
      return kernels->loss_and_gradient(encoder, lesson);
    };
    // Richardson: the error of order length^2 cancels.
    const double near = (loss_at(1) - loss_at(-1)) / (2 * length);
    const double far = (loss_at(2) - loss_at(-2)) / (4 * length);
    const double slope = (4 * near - far) / 3;
    const double expected = (gradient.to(torch::kFloat64) * step.to(torch::kFloat64)).sum().item<double>();
    EXPECT_NEAR(slope, expected, 0.01 * gradient.norm().item<double>() + 2e-3);
  }
  encoder.weights().copy_(weights);
}

TEST_P(SequenceKernelsTest, StatesAreThoseOfTheDefinition) {
  const auto lesson = random_lesson(GetParam());
  const auto encoder = lively_encoder(GetParam().shape);
  const Reference reference(encoder);
  auto inputs = lesson.inputs;
  inputs.emplace_back();  // an empty one: zeros
  const auto plain = make_plain_sequence_kernels()->end_states(encoder, inputs, lesson.sight);
  const auto fast = make_fast_sequence_kernels(GetParam().shape)->end_states(encoder, inputs, lesson.sight);
  for (std::size_t row = 0; row < lesson.inputs.size(); ++row) {
    const auto expected = reference.states(lesson.inputs[row], lesson.sight).back();
    for (std::size_t n = 0; n < expected.size(); ++n) {
      const auto place = static_cast<std::int64_t>(row);
      EXPECT_NEAR(plain[place][static_cast<std::int64_t>(n)].item<double>(), expected[n], 2e-5);
      EXPECT_NEAR(fast[place][static_cast<std::int64_t>(n)].item<double>(), expected[n], 2e-5);
    }
  }
  EXPECT_EQ(plain[-1].abs().sum().item<float>(), 0);
  EXPECT_EQ(fast[-1].abs().sum().item<float>(), 0);
}

constexpr EncoderShape kSmall{.items = 21, .length = 13, .dimension = 12, .layers = 2, .heads = 3, .dropout = 0.3};
constexpr EncoderShape kBroad{.items = 90, .length = 70, .dimension = 32, .layers = 1, .heads = 2, .dropout = 0.2};
constexpr EncoderShape kPlain{
    .items = 21, .length = 13, .dimension = 10, .layers = 3, .heads = 1, .expansion = 1, .dropout = 0};

INSTANTIATE_TEST_SUITE_P(Lessons, SequenceKernelsTest,
                         ::testing::Values(KernelCase{.shape = kSmall}, KernelCase{.shape = kSmall, .negatives = true},
                                           KernelCase{.shape = kSmall, .sight = Sight::kEverything},
                                           KernelCase{.shape = kSmall, .contrast = 0.5},
                                           KernelCase{.shape = kPlain, .sight = Sight::kEverything, .contrast = 0.5},
                                           KernelCase{.shape = kPlain}, KernelCase{.shape = kBroad, .rows = 40},
                                           KernelCase{.shape = kBroad, .sight = Sight::kEverything, .rows = 25}));

/// All states of one sequence by the fast pass.
std::vector<float> fast_states(const SequenceEncoder& encoder, const Sequence& sequence, Sight sight) {
  FastEncoderWeights weights(encoder.shape());
  weights.prepare(encoder.weights().data_ptr<float>());
  SequencePack pack;
  pack.sight = sight;
  pack.width = static_cast<std::int64_t>(sequence.size());
  std::vector<std::int64_t> positions(sequence.size());
  std::iota(positions.begin(), positions.end(), 0);
  pack.add(sequence, 0, positions);
  FastEncoderPass pass;
  const float* states = pass.forward(weights, pack, nullptr);
  return {states, states + static_cast<std::int64_t>(sequence.size()) * encoder.shape().dimension};
}

TEST(SequenceSight, AStateOfThePastDoesNotKnowWhatFollows) {
  const auto encoder = lively_encoder(kSmall);
  RandomStream random(4, "tests.sight");
  const Sequence sequence = random_sequence(10, kSmall.items, random);
  for (std::size_t changed = 1; changed < sequence.size(); ++changed) {
    Sequence other = sequence;
    other[changed] = (other[changed] + 1) % static_cast<ItemIndex>(kSmall.items);
    const auto before = changed * static_cast<std::size_t>(kSmall.dimension);
    const auto first = fast_states(encoder, sequence, Sight::kPast);
    const auto second = fast_states(encoder, other, Sight::kPast);
    EXPECT_TRUE(std::equal(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(before), second.begin()));
    EXPECT_NE(first[before], second[before]);
    // Whoever sees everything sees the change.
    EXPECT_NE(fast_states(encoder, sequence, Sight::kEverything)[0],
              fast_states(encoder, other, Sight::kEverything)[0]);

    const auto plain = [&](const Sequence& of) {
      const std::vector<Sequence> one = {of};
      return encoder.states(make_sequence_batch(one, encoder.mask_item()), Sight::kPast, std::nullopt)[0];
    };
    const auto count = static_cast<std::int64_t>(changed);
    EXPECT_TRUE(torch::equal(plain(sequence).narrow(0, 0, count), plain(other).narrow(0, 0, count)));
  }
}

TEST(SequenceSight, OtherSequencesOfABatchDoNotMatter) {
  const auto encoder = lively_encoder(kSmall);
  RandomStream random(4, "tests.sight");
  const std::vector<Sequence> one = {random_sequence(4, kSmall.items, random)};
  const std::vector<Sequence> more = {random_sequence(9, kSmall.items, random), one[0],
                                      random_sequence(1, kSmall.items, random)};
  const auto alone = make_fast_sequence_kernels(kSmall)->end_states(encoder, one, Sight::kPast);
  const auto among = make_fast_sequence_kernels(kSmall)->end_states(encoder, more, Sight::kPast);
  EXPECT_LT((alone[0] - among[1]).abs().max().item<double>(), 1e-6);
  const auto padded = make_plain_sequence_kernels()->end_states(encoder, more, Sight::kPast);
  EXPECT_LT((alone[0] - padded[1]).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace llama4rec::recommenders
