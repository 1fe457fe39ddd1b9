import ArgumentParser
import Foundation
import Logging
import Platform
import Storage
import Wire

/// Durable "debit + usage event + message" in one cell, beside PostgreSQL and a plain C loop.
struct CommitBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "commit", abstract: "Durable transactions per second of one cell's store.")

  static let tenants = 100
  static let callers = [64, 256]

  @OptionGroup var repository: Repository

  func run() async throws {
    var ours: [Int: [Double]] = [:]
    var loops: [Double] = []
    var postgres: [Double] = []
    var settings: Any = [:]
    var facts: [String: Any] = [:]
    for repetition in 1...repository.repetitions {
      progress("commit \(repetition)/\(repository.repetitions): C loop")
      loops.append(try loop())
      progress("commit \(repetition)/\(repository.repetitions): PostgreSQL")
      let rows = Program.objects(
        try Program.output(
          repository.script("Benchmarks/commit/postgres"), ["\(repository.seconds)"]))
      postgres.append(rows.compactMap { $0["value"] as? Double }.max() ?? 0)
      settings = rows.first?["settings"] ?? [:]
      for callers in Self.callers {
        progress("commit \(repetition)/\(repository.repetitions): cell, \(callers) callers")
        let (rate, measured) = try await cell(callers)
        ours[callers, default: []].append(rate)
        facts = measured
      }
    }
    let best = Self.callers.max { median(ours[$0] ?? []) < median(ours[$1] ?? []) } ?? 64
    facts["callers"] = best
    facts["seconds"] = repository.seconds
    for callers in Self.callers {
      facts["at_\(callers)_callers"] = median(ours[callers] ?? []).rounded()
    }
    let value = median(ours[best] ?? [])
    Row(
      name: "commit.postgres", value: value, unit: "transactions/s", baseline: median(postgres),
      facts: facts.merging(["settings": settings]) { $1 }
    ).write()
    Row(
      name: "commit.sqlite", value: value, unit: "transactions/s", baseline: median(loops),
      facts: facts
    ).write()
  }

  private func loop() throws -> Double {
    let directory = try Repository.temporaryDirectory("loop")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let output = try Program.output(
      repository.comparison("commit-loop"), ["\(repository.seconds)", directory])
    return Program.objects(output).first?["value"] as? Double ?? 0
  }

  /// Operations per second of a fresh engine, its journal verified afterwards.
  private func cell(_ callers: Int) async throws -> (Double, [String: Any]) {
    let directory = try Repository.temporaryDirectory("cell")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var log = Logger(label: "bench")
    log.logLevel = .error
    let engine = StorageEngine(
      EngineConfiguration(directory: directory, cell: CellID(trusted: "bench")),
      clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(), log: log,
      schema: { _ in CommitSchema.schema },
      fatal: { fatality in
        progress("fatal: \(fatality)")
        Foundation.exit(1)
      })
    _ = try await engine.start()
    let origin = CommandOrigin(requestID: "bench", traceID: "")
    let ids = (0..<Self.tenants).map { TenantID(trusted: "t\($0)") }
    for tenant in ids {
      try await engine.create(tenant, epoch: Epoch.first)
      try await engine.write(tenant, origin) { try CommitStore.fill($0) }
    }
    let before = engine.metrics
    let journal = "\(directory)/journal"
    let journaled = try JournalVerification.run(directory: journal, files: LiveFileSystem())
    let (rate, operations) = try await Callers.rate(callers, seconds: repository.seconds) {
      caller, turn in
      // Callers go round the tenants from different places, so that all are hit alike.
      let tenant = ids[(caller * 37 + turn * 7) % Self.tenants]
      try await engine.write(tenant, origin) { try CommitStore.operate($0) }
    }
    let after = engine.metrics
    let commands = after.commands - before.commands
    await engine.close()
    // What was answered must be what the journal holds, and the journal must be whole.
    let verified = try JournalVerification.run(directory: journal, files: LiveFileSystem())
    guard verified.ok, verified.commands - journaled.commands == UInt64(commands) else {
      throw BenchFailure(
        "journal verify counts \(verified.commands - journaled.commands) commands of \(commands)")
    }
    return (
      rate,
      [
        "operations": operations, "commands": commands, "journal_commands": commands,
        "batches": after.batches - before.batches,
        "fsyncs": after.journal.synchronizations - before.journal.synchronizations,
      ]
    )
  }
}
