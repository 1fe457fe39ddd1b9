import ArgumentParser
import Foundation
import Platform
import Storage

/// Journal bytes of an outgoing template message over its whole life, in a running system:
/// idempotency row, hold, intent, acceptance with capture and usage event, sent, delivered, read.
struct JournalBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal", abstract: "Journal bytes per outgoing template message.")

  static let messages = 2_000
  /// Requests in flight: records and groups are shared as under load.
  static let inFlight = 64
  /// Sent one after the other besides, so that every record has a group of its own.
  static let alone = 200

  static let statusDelaySeconds = 60

  @OptionGroup var repository: Repository

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/http/topology.yaml")
    defer { system.stop() }
    let client = system.client
    let tenant = try await BenchTenant.create(0, client)
    let journal = "\(system.directory)/cells/cell-1/journal"
    // Statuses wait until everything was accepted, so that both parts can be told apart.
    try await client.setFaults([
      "delay_ms": [Self.statusDelaySeconds * 1000, Self.statusDelaySeconds * 1000],
      "enforce_throughput": false,
    ])
    let start = try bytes(journal)
    progress("journal: \(Self.alone) messages, one after the other")
    for index in 0..<Self.alone { try await tenant.send(to: Self.messages + index, client) }
    try await tenant.wait(until: "accepted", client)
    let before = try bytes(journal)
    progress("journal: \(Self.messages) messages, \(Self.inFlight) in flight")
    try await tenant.send(count: Self.messages, inFlight: Self.inFlight, client)
    try await tenant.wait(until: "accepted", client)
    let accepted = try bytes(journal)
    progress("journal: waiting for their statuses")
    try await tenant.wait(until: "read", client)
    let after = try bytes(journal)
    Row(
      name: "journal.bytes_per_message",
      value: Double(accepted - before) / Double(Self.messages), unit: "bytes",
      baseline: 1024,
      facts: [
        "messages": Self.messages,
        "in_flight": Self.inFlight,
        "one_at_a_time_bytes": Double(before - start) / Double(Self.alone),
        "with_statuses_bytes": Double(after - before) / Double(Self.messages),
        "against": "the bar of 1 KB",
      ]
    ).write()
  }

  /// Bytes of groups; the journal must be whole.
  private func bytes(_ directory: String) throws -> UInt64 {
    let found = try JournalVerification.run(directory: directory, files: LiveFileSystem())
    guard found.ok else { throw BenchFailure("journal verify found damage: \(found)") }
    return found.bytes
  }
}
