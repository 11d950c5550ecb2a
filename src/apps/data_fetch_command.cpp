#include <cstdlib>
#include <iostream>

#include "apps/data_command.h"
#include "core/log.h"
#include "data/fetch.h"
#include "data/load.h"

namespace llama4rec::apps {
namespace {

struct FetchArguments {
  std::string name;
  std::string url;
  std::string checksum;
  std::string directory;
};

/// Where data sets are looked for, so that what was fetched is found.
std::string default_directory(const data::DataOptions& options) {
  if (!options.directory.empty()) return options.directory;
  const char* variable = std::getenv("LLAMA4REC_DATA");
  return variable != nullptr && *variable != '\0' ? variable : "data";
}

void print(const FetchArguments& arguments, const data::FetchResult& result, const Dataset& dataset) {
  if (result.was_there) {
    std::cout << result.folder.string() << " is there already";
  } else {
    std::cout << "fetched " << arguments.name << " to " << result.folder.string() << ", "
              << (result.verified ? "checksum verified" : "not verified: no checksum is known")
              << ", SHA-256 of the archive " << result.sha256;
  }
  std::cout << "\n"
            << dataset.users() << " users, " << dataset.items() << " items, " << dataset.size() << " interactions\n"
            << data::catalogue_entry(arguments.name).terms << '\n';
}

void run(Context& context, const FetchArguments& arguments) {
  const auto configuration = context.load_configuration();
  auto options = configuration.read<data::DataOptions>();
  options.directory = arguments.directory.empty() ? default_directory(options) : arguments.directory;
  const auto result = data::fetch({.name = arguments.name,
                                   .url = arguments.url,
                                   .checksum = arguments.checksum,
                                   .directory = options.directory,
                                   .limits = {}});
  if (!result.was_there && !result.verified) log::warn("{} was not verified: no checksum is known", arguments.name);
  const auto loaded = data::load(result.folder.string(), options);
  if (!context.json) {
    print(arguments, result, loaded.dataset);
    return;
  }
  Context::print_json({{"dataset", arguments.name},
                       {"directory", result.folder.string()},
                       {"was_there", result.was_there},
                       {"verified", result.verified},
                       {"sha256", result.sha256},
                       {"bytes", result.transfer.bytes},
                       {"resumed_bytes", result.transfer.resumed},
                       {"users", loaded.dataset.users()},
                       {"items", loaded.dataset.items()},
                       {"interactions", loaded.dataset.size()}});
}

}  // namespace

void add_data_fetch(CLI::App& data, Context& context) {
  auto* command =
      data.add_subcommand("fetch",
                          "Download a public data set, verify it, unpack it; a download that was cut off is resumed.\n"
                          "ml-100k and ml-1m come from GroupLens and are checked against its MD5. book-crossing's old "
                          "home is gone: give --url "
                          "with the address of a copy of BX-CSV-Dump.zip; no checksum of it is known.");
  auto arguments = std::make_shared<FetchArguments>();
  command->add_option("NAME", arguments->name, "ml-100k, ml-1m or book-crossing")->required();
  command->add_option("--url", arguments->url, "Another address of the archive (https; http where you say so)");
  command->add_option("--checksum", arguments->checksum,
                      "md5:HEX or sha256:HEX to check against, or none (default: the known one)");
  command
      ->add_option("--directory", arguments->directory,
                   "Folder to put the data set into (default: data.directory, $LLAMA4REC_DATA or ./data)")
      ->type_name("DIR");
  command->callback([&context, arguments] { run(context, *arguments); });
}

}  // namespace llama4rec::apps
