// Uses the installed public interface only. Exit status 0 and a closing line when everything held.
#include <cstdlib>
#include <iostream>
#include <string>

#include <llama4rec/dataset.h>
#include <llama4rec/error.h>
#include <llama4rec/language_model.h>
#include <llama4rec/provenance.h>
#include <llama4rec/recommender.h>

namespace {

void expect(bool held, const std::string& what) {
  if (held) return;
  std::cerr << "consumer: " << what << '\n';
  std::exit(EXIT_FAILURE);
}

llama4rec::Dataset two_users() {
  llama4rec::Dataset dataset;
  dataset.user_ids = {"ann", "bob"};
  dataset.item_ids = {"1", "2", "3"};
  dataset.interactions = {{.user = 0, .item = 0, .rating = 5, .timestamp = 1},
                          {.user = 0, .item = 2, .rating = 3, .timestamp = 2},
                          {.user = 1, .item = 1, .rating = 4, .timestamp = 1}};
  dataset.user_offsets = {0, 2, 3};
  return dataset;
}

// A recommender of the consumer's own: the interface can be implemented, so libtorch's headers and libraries came along.
torch::Tensor popularity(const llama4rec::Dataset& dataset) {
  torch::Tensor scores = torch::zeros({dataset.items()});
  for (const auto& interaction : dataset.interactions) scores[interaction.item] += 1;
  return scores;
}

}  // namespace

int main() {
  const llama4rec::Dataset dataset = two_users();
  expect(dataset.of_user(0).size() == 2 && dataset.of_user(1).front().item == 1, "the users' interactions are wrong");

  // Compiled code of the library, not only headers.
  llama4rec::InteractionSet train(dataset.size());
  llama4rec::InteractionSet test(dataset.size());
  train.insert(0);
  train.insert(2);
  test.insert(1);
  expect(train.first_common(test) == -1, "disjoint sets share an interaction");
  test |= train;
  expect(test.count() == 3 && test.first_common(train) == 0, "the union is wrong");

  const llama4rec::DataError error({.file = "ratings.csv", .line = 7, .column = 0}, "a rating was expected");
  expect(error.what() == std::string("ratings.csv:7: a rating was expected"), error.what());
  expect(llama4rec::exit_status(error.category()) == 3, "bad data has another exit status than 3");

  expect(popularity(dataset).sum().item<float>() == 3, "libtorch does not add up");
  std::cout << "consumer: the installed library works\n";
}
