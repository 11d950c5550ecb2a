#include <iostream>

#include "apps/data_command.h"
#include "data/folder.h"
#include "data/sample.h"

namespace llama4rec::apps {
namespace {

struct SampleArguments {
  data::SampleOptions sample;
  std::string out = "synthetic-movies";
  bool overwrite = false;
};

void make(const Context& context, const SampleArguments& arguments) {
  auto options = arguments.sample;
  const auto source = data::make_sample(options);
  data::write_folder(source, arguments.out, arguments.overwrite ? data::Overwrite::kYes : data::Overwrite::kNo);
  const auto& dataset = source.dataset;
  if (context.json) {
    Context::print_json({{"dataset", dataset.name},
                         {"synthetic", true},
                         {"directory", arguments.out},
                         {"users", dataset.users()},
                         {"items", dataset.items()},
                         {"interactions", dataset.size()},
                         {"seed", options.seed}});
  } else {
    std::cout << "wrote " << dataset.users() << " users, " << dataset.items() << " items, " << dataset.size()
              << " synthetic interactions to " << arguments.out << '\n';
  }
}

}  // namespace

void add_data_sample(CLI::App& data, Context& context) {
  auto* command =
      data.add_subcommand("sample", "Write a synthetic movie data set; the same options give the same bytes");
  auto arguments = std::make_shared<SampleArguments>();
  command->add_option("--out", arguments->out, "The folder to write")->type_name("DIR")->capture_default_str();
  command->add_option("--users", arguments->sample.users, "Users")->capture_default_str();
  command->add_option("--items", arguments->sample.items, "Movies")->capture_default_str();
  command
      ->add_option("--interactions", arguments->sample.interactions, "Ratings, 8 to half of the movies for each user")
      ->capture_default_str();
  command->add_flag("--overwrite", arguments->overwrite, "Replace a data set that is there already");
  command->callback([&context, arguments] {
    const auto configuration = context.load_configuration();
    if (const auto* seed = configuration.find("seed"); seed != nullptr)
      arguments->sample.seed = std::stoull(seed->text);
    make(context, *arguments);
  });
}

}  // namespace llama4rec::apps
