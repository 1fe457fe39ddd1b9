import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal") struct JournalTests {
  @Test func `records come back in order after a restart`() throws {
    let bench = JournalBench()
    let first = try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    #expect(first.last == CellSeq(0))
    let answers = Answers()
    var hashes: [SHA256Hash] = []
    for index in 0..<100 {
      let record = try bench.record(index % 3 == 0 ? "acme" : "other")
      hashes.append(record.hash)
      first.journal.append(record, more: index < 99) { answers.add($0) }
    }
    #expect(answers.wait(for: 100) == (1...100).map { .durable(CellSeq($0)) })
    let metrics = first.journal.metrics
    #expect(metrics.synchronizations > 0)
    // Each sync stands in the distribution of their times.
    #expect(metrics.synchronizeLatency.count == metrics.synchronizations)
    first.journal.close()
    bench.disk.losePower(.lost)

    let second = try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    #expect(second.last == CellSeq(100))
    #expect(second.damage.isEmpty)
    #expect(second.cut == nil)
    var records = try second.journal.records(from: CellSeq(1))
    var read: [SHA256Hash] = []
    while let record = try records.next() { read.append(record.hash) }
    #expect(read == hashes)
    let acme = try #require(second.heads[TenantID(trusted: "acme")])
    #expect(acme.tenantSeq == bench.chains[TenantID(trusted: "acme")]?.seq)
    #expect(acme.hash == bench.chains[TenantID(trusted: "acme")]?.hash)
    #expect(acme.ownership == .owned)
    second.journal.close()
  }

  @Test func `a second process is told that the directory is taken`() throws {
    let bench = JournalBench()
    let first = try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    defer { first.journal.close() }
    #expect(throws: JournalError.ownedByAnotherProcess(directory: "/data/journal")) {
      try Journal.open(bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    }
  }
}
