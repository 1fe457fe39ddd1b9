import Platform
import Simulation
import Testing
import Wire

@testable import Storage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Journal trimming") struct JournalTrimTests {
  /// Forty durable records over several segments, and the heads after them.
  private func filled() throws -> (JournalBench, Journal, [TenantID: TenantHead]) {
    let bench = JournalBench(segmentBytes: 4096)
    let opened = try open(bench)
    let answers = Answers()
    for number in 1...40 {
      opened.journal.append(try bench.record("t\(number % 5)", size: 300)) { answers.add($0) }
      _ = answers.wait(for: number)
    }
    opened.journal.close()
    let again = try open(bench)
    return (bench, again.journal, again.heads)
  }

  private func open(_ bench: JournalBench) throws -> OpenedJournal {
    try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(),
      fatal: { Issue.record("fatal: \($0)") })
  }

  @Test func `an older checkpoint of heads never replaces a newer one`() throws {
    let (bench, journal, heads) = try filled()
    try journal.writeHeads(HeadsCheckpoint(through: CellSeq(40), heads: heads))
    try journal.trim(pastAll: CellSeq(40))
    // Another thread's, copied before.
    try journal.writeHeads(HeadsCheckpoint(through: CellSeq(3), heads: [:]))
    journal.close()
    let again = try open(bench)
    #expect(again.checkpointThrough == CellSeq(40))
    #expect(again.damage.isEmpty)
    #expect(again.heads == heads)
    again.journal.close()
  }

  @Test(arguments: [FileError.Operation.remove, .syncDirectory])
  func `a segment that could not be removed leaves no hole behind it`(
    operation: FileError.Operation
  ) throws {
    let (bench, journal, heads) = try filled()
    try journal.writeHeads(HeadsCheckpoint(through: CellSeq(40), heads: heads))
    bench.disk.inject(SimulatedDisk.Fault(operation, call: 1, .error(EIO)))
    #expect(throws: JournalError.self) { try journal.trim(pastAll: CellSeq(40)) }
    bench.disk.clearFaults()
    let before = bench.segmentPaths.count
    // A smaller step: the oldest is still the first to go.
    try journal.trim(pastAll: journal.segmentStarts[1])
    try journal.trim(pastAll: CellSeq(40))
    #expect(bench.segmentPaths.count < before)
    journal.close()
    let again = try open(bench)
    #expect(again.damage.isEmpty)
    #expect(again.heads == heads)
    again.journal.close()
  }
}
