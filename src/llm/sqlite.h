// A thin layer over SQLite: connections and prepared statements that close themselves, errors as exceptions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace llama4rec::llm {

/// An open database file.
class Database {
 public:
  /// Opens or creates the file. InternalError naming it when that fails.
  explicit Database(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Database(Database&&) = delete;
  Database& operator=(Database&&) = delete;

  /// Runs statements without results.
  void execute(const std::string& sql);
  /// What failed last: the file, what was tried, SQLite's reason, and what to do.
  [[nodiscard]] std::string describe(const std::string& what) const;
  /// The same as an InternalError.
  [[noreturn]] void fail(const std::string& what) const;
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
};

/// A prepared statement; bind from 1, step, read columns from 0, reset.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&&) = delete;
  Statement& operator=(Statement&&) = delete;

  Statement& bind(int place, std::string_view text);
  Statement& bind(int place, std::int64_t value);
  Statement& bind(int place, double value);
  /// True while there is a row.
  bool step();
  void reset();
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

/// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction(Transaction&&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace llama4rec::llm
