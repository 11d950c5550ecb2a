#include <limits>
#include <string>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "recommenders/rating/deep_rating_model.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::int64_t kColumns = 5;  // of_item, first_row, rows, first_slot, slots

torch::Tensor codes(const std::vector<std::int32_t>& values, std::int64_t slots) {
  return torch::tensor(values, torch::kInt32).view({-1, slots});
}

/// Checks that every code is a row of its slot's field; the first slot of a field must be filled.
std::vector<std::int32_t> checked_codes(const torch::Tensor& table, const FeatureTable& features, bool of_item,
                                        const std::filesystem::path& file) {
  const auto* values = table.data_ptr<std::int32_t>();
  const std::int64_t slots = table.size(1);
  for (const FeatureField& field : features.fields) {
    if (field.of_item != of_item) continue;
    for (std::int64_t member = 0; member < table.size(0); ++member) {
      for (std::int64_t slot = 0; slot < field.slots; ++slot) {
        const std::int32_t code = values[member * slots + field.first_slot + slot];
        const bool empty = code == -1 && slot > 0;
        if (!empty && (code < field.first_row || code >= field.first_row + field.rows)) {
          throw DataError(fmt::format("{}: the code {} of the field \"{}\" is outside {}..{}", file.string(), code,
                                      field.name, field.first_row, field.first_row + field.rows - 1));
        }
      }
    }
  }
  return {values, values + table.numel()};
}

}  // namespace

void put_features(const FeatureTable& features, ModelFile& content) {
  std::vector<std::int64_t> numbers;
  for (std::size_t n = 0; n < features.fields.size(); ++n) {
    const FeatureField& field = features.fields[n];
    content.settings[fmt::format("field.{}", n)] = field.name;
    for (const std::int64_t number :
         {std::int64_t{field.of_item ? 1 : 0}, field.first_row, field.rows, field.first_slot, field.slots}) {
      numbers.push_back(number);
    }
  }
  content.tensors["features.fields"] = tensor_of(numbers).view({-1, kColumns});
  content.tensors["features.users"] = codes(features.user_codes, features.user_slots);
  content.tensors["features.items"] = codes(features.item_codes, features.item_slots);
}

FeatureTable get_features(const ModelFile& content, const std::filesystem::path& file) {
  const auto numbers = required_tensor(content, file, "features.fields", torch::kInt64, {-1, kColumns});
  const auto users = required_tensor(content, file, "features.users", torch::kInt32, {-1, -1});
  const auto items = required_tensor(content, file, "features.items", torch::kInt32, {-1, -1});
  FeatureTable features;
  const auto* values = numbers.data_ptr<std::int64_t>();
  for (std::int64_t n = 0; n < numbers.size(0); ++n, values += kColumns) {
    const bool of_item = values[0] != 0;
    std::int64_t& slots = of_item ? features.item_slots : features.user_slots;
    const FeatureField field{.name = required_text(content.settings, file, fmt::format("field.{}", n)),
                             .of_item = of_item,
                             .first_row = values[1],
                             .rows = values[2],
                             .first_slot = values[3],
                             .slots = values[4]};
    if (field.first_row != features.rows || field.rows < 1 ||
        field.rows > std::numeric_limits<std::int32_t>::max() - features.rows || field.first_slot != slots ||
        field.slots < 1 || field.slots > (of_item ? items : users).size(1)) {
      throw DataError(fmt::format("{}: the field \"{}\" is damaged", file.string(), field.name));
    }
    features.rows += field.rows;
    slots += field.slots;
    features.fields.push_back(field);
  }
  if (features.user_slots < 1 || features.item_slots < 1 || features.fields.front().of_item ||
      features.user_slots != users.size(1) || features.item_slots != items.size(1) || users.size(0) < 1 ||
      items.size(0) < 1) {
    throw DataError(fmt::format("{}: the features' fields and codes do not fit each other", file.string()));
  }
  features.user_codes = checked_codes(users, features, false, file);
  features.item_codes = checked_codes(items, features, true, file);
  return features;
}

}  // namespace llama4rec::recommenders
