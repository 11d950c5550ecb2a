#include <iostream>

#include <llama4rec/error.h>

#include "apps/data_command.h"
#include "data/folder.h"
#include "data/statistics.h"
#include "data/table_import.h"

namespace llama4rec::apps {
namespace {

struct ImportArguments {
  std::string file;
  std::string train;
  std::string valid;
  std::string test;
  std::string rating_column;
  std::string time_column;
  std::string items;
  std::string title_column;
  std::string users;
  std::string rating_scale;
  std::string out;
  bool no_quotes = false;
  bool overwrite = false;
  data::ImportOptions options;
};

data::ImportOptions complete(const ImportArguments& arguments) {
  auto options = arguments.options;
  if (arguments.file.empty() == arguments.train.empty()) {
    throw UsageError("data import: expected either FILE or --train FILE (with --valid and --test)");
  }
  if (!arguments.file.empty() && !(arguments.valid.empty() && arguments.test.empty())) {
    throw UsageError("data import: --valid and --test need --train in the place of FILE");
  }
  options.train = arguments.train;
  options.validation = arguments.valid;
  options.test = arguments.test;
  options.interactions = arguments.file;
  options.items = arguments.items;
  options.users = arguments.users;
  options.quotes = !arguments.no_quotes;
  if (!arguments.rating_column.empty()) options.rating_column = arguments.rating_column;
  if (!arguments.time_column.empty()) options.timestamp_column = arguments.time_column;
  if (!arguments.title_column.empty()) options.title_column = arguments.title_column;
  if (!arguments.rating_scale.empty()) options.scale = data::parse_rating_scale(arguments.rating_scale);
  return data::is_recbole(options.interactions) ? data::recbole_options(options.interactions, options) : options;
}

void run(Context& context, const ImportArguments& arguments) {
  const auto configuration = context.load_configuration();
  const auto source = data::import_tables(complete(arguments));
  const std::string out = arguments.out.empty() ? "data/" + arguments.options.name : arguments.out;
  data::write_folder(source, out, arguments.overwrite ? data::Overwrite::kYes : data::Overwrite::kNo);
  // Read back: what is described is what will be used.
  const auto statistics = data::describe(data::load(out, configuration.read<data::DataOptions>()));
  if (context.json) {
    auto json = data::to_json(statistics);
    json["directory"] = out;
    Context::print_json(json);
  } else {
    std::cout << "wrote " << out << "\n\n" << data::to_table(statistics);
  }
}

void declare_columns(CLI::App& command, ImportArguments& arguments) {
  auto& options = arguments.options;
  command.add_option("--user-column", options.user_column, "Column of the user ids")->capture_default_str();
  command.add_option("--item-column", options.item_column, "Column of the item ids")->capture_default_str();
  command.add_option(
      "--rating-column", arguments.rating_column,
      "Column of the ratings (default: rating if there is one; without, every rating is 1 and positive)");
  command.add_option(
      "--time-column", arguments.time_column,
      "Column of the times in seconds (default: timestamp if there is one; without, the order is a seeded "
      "permutation)");
  command.add_option("--items", arguments.items, "File of items: id, title, attributes")->type_name("FILE");
  command.add_option("--item-id-column", options.item_id_column, "Its column of ids")->capture_default_str();
  command.add_option("--title-column", arguments.title_column,
                     "Its column of titles (default: title, else the first that ends in title, else name)");
  command.add_option("--users", arguments.users, "File of users: id, attributes")->type_name("FILE");
  command.add_option("--user-id-column", options.user_id_column, "Its column of ids")->capture_default_str();
}

}  // namespace

void add_data_import(CLI::App& data, Context& context) {
  auto* command = data.add_subcommand(
      "import", "Turn CSV or TSV files with named columns, or RecBole's atomic files, into a data set of ours");
  auto arguments = std::make_shared<ImportArguments>();
  auto& options = arguments->options;
  command->add_option("FILE", arguments->file,
                      "Interactions: a CSV or TSV file, a .inter file, or a folder with .inter files");
  command->add_option("--train", arguments->train, "Training interactions, instead of FILE: an explicit split")
      ->type_name("FILE");
  command->add_option("--valid", arguments->valid, "Validation interactions, at most one per user and task")
      ->type_name("FILE");
  command->add_option("--test", arguments->test, "Test interactions, at most one per user and task")->type_name("FILE");
  declare_columns(*command, *arguments);
  command->add_option("--separator", options.separator, "Between fields (default: a tab in .tsv, else a comma)");
  command->add_flag("--no-quotes", arguments->no_quotes, "Quotes are ordinary characters");
  command->add_flag("--latin1", options.latin1, "The files are latin-1 instead of UTF-8");
  command->add_option("--rating-scale", arguments->rating_scale, "MINIMUM:MAXIMUM[:STEP] (default: from the ratings)");
  command->add_option("--positive-threshold", options.positive_threshold,
                      "Lowest positive rating (default: three quarters up the scale)");
  command->add_option("--item-noun", options.item_noun, "What prompts call an item")->capture_default_str();
  command->add_option("--name", options.name, "The data set's name")->capture_default_str();
  command->add_option("--out", arguments->out, "The folder to write (default: data/NAME)")->type_name("DIR");
  command->add_flag("--overwrite", arguments->overwrite, "Replace a data set that is there already");
  command->callback([&context, arguments] { run(context, *arguments); });
}

}  // namespace llama4rec::apps
