import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal faults") struct JournalFaultTests {
  private func reopened(_ bench: JournalBench) throws -> [CellSeq] {
    bench.disk.losePower(.lost)
    let (writer, opened, catalog) = try bench.openWriter()
    #expect(opened.catalog.damage.isEmpty)
    #expect(opened.cut == nil)
    writer.close()
    return try bench.records(catalog.withLock { $0 }).map(\.position.cellSeq)
  }

  @Test(arguments: [
    SimulatedDisk.Fault.Effect.error(SystemErrors.io), .error(SystemErrors.noSpace),
    .shortWrite(0), .shortWrite(100), .shortWrite(300),
  ])
  func `a failed append is cut and the journal goes on`(_ effect: SimulatedDisk.Fault.Effect) throws
  {
    let bench = JournalBench()
    let (writer, _, catalog) = try bench.openWriter()
    let first = try bench.record("acme")
    #expect(writer.write([first]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    let tip = writer.state.tip
    bench.disk.inject(.init(.write, call: 1, effect))
    #expect(writer.write([try bench.record("acme", size: 900)]) == .cut)
    #expect(writer.state.tip == tip, "sequence and hash are as before")
    #expect(catalog.withLock { $0.lastSeq } == CellSeq(1))
    bench.rewind("acme", to: TenantSeq(1), first.hash)
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(2), last: CellSeq(2)))
    #expect(try reopened(bench) == [CellSeq(1), CellSeq(2)])
  }

  @Test func `a failed fsync is fatal`() throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    bench.disk.inject(.init(.sync, call: 1, .error(SystemErrors.io)))
    guard case .fatal(.synchronizeFailed) = writer.write([try bench.record("acme")]) else {
      Issue.record("a failed fsync was not fatal")
      return
    }
    #expect(writer.state.phase == .failed)
    #expect(writer.write([try bench.record("acme")]) == .refused(.damaged))
  }

  private struct Copied {
    /// Of the first group that was not durable; nil: there was none.
    var outcome: JournalWriter.Result?
    var phase: JournalState.Phase
    /// Of the same group once more.
    var again: JournalWriter.Result?
  }

  /// Writes another journal's groups to a copy with shorter segments, until one is refused.
  private func copied(failing operation: FileError.Operation) throws -> Copied {
    let source = JournalBench(segmentBytes: 16 * 1024)
    let journal = try Journal.openStepped(
      source.configuration, files: source.disk.fileSystem(), applied: { [:] },
      fatal: { Issue.record("fatal: \($0)") }
    ).journal
    for _ in 0..<20 {
      journal.append(try source.record("acme", size: 500)) { _ in }
      journal.step()
    }
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    defer { tail.close() }
    let copy = JournalBench(segmentBytes: 4_096)
    copy.configuration.isCopy = true
    let (writer, _, _) = try copy.openWriter()
    // The first segment is made before the disk fails.
    let first = writer.write(try #require(try tail.available()))
    guard case .durable = first else { return Copied(outcome: nil, phase: writer.state.phase) }
    copy.disk.inject(.init(operation, call: 1, .error(SystemErrors.io)))
    while let group = try tail.available() {
      let outcome = writer.write(group)
      if case .durable = outcome { continue }
      return Copied(
        outcome: outcome, phase: writer.state.phase, again: writer.write(group))
    }
    return Copied(outcome: nil, phase: writer.state.phase)
  }

  @Test func `a copy's segment whose longer file has the name, but not durably, is fatal`() throws {
    let copied = try copied(failing: .syncDirectory)
    guard case .fatal(.synchronizeFailed) = copied.outcome else {
      Issue.record("\(copied)")
      return
    }
    #expect(copied.phase == .failed && copied.again == .refused(.damaged))
  }

  @Test func `a copy's segment that could not be made longer is as it was`() throws {
    let copied = try copied(failing: .rename)
    #expect(copied.outcome == .cut)
    guard case .durable = copied.again else {
      Issue.record("\(copied)")
      return
    }
  }

  @Test(arguments: [FileError.Operation.punch, .sync])
  func `a cut that fails is fatal`(_ operation: FileError.Operation) throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    // The zeros that undo it are not written either, so a hole is made.
    bench.disk.inject(.init(.write, call: 1, .shortWrite(50), isPermanent: true))
    bench.disk.inject(.init(operation, call: 1, .error(SystemErrors.io)))
    guard case .fatal(let fatality) = writer.write([try bench.record("acme")]) else {
      Issue.record("a failed cut was not fatal")
      return
    }
    // What an fsync drops is no other file's either: `FailedSync`.
    #expect(fatality.dropsWrites == (operation == .sync))
  }

  /// Ends the process so many calls after an append that failed, and opens the journal again.
  private func endsWhileItCuts(after calls: Int, takesZeros: Bool) throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    bench.disk.inject(.init(.write, call: 1, .shortWrite(512), isPermanent: !takesZeros))
    bench.disk.losePower(afterCalls: calls)
    _ = writer.write([try bench.record("acme", size: 900)])
    bench.disk.kill()
    let opened = try Journal.open(bench.configuration, files: bench.disk.fileSystem()) { _ in }
    defer { opened.journal.close() }
    #expect(opened.isWritable && opened.damage.isEmpty)
    #expect(opened.last == CellSeq(1))
  }

  @Test(arguments: 0...5)
  func `a process that ends while it cuts leaves no damage`(_ calls: Int) throws {
    try endsWhileItCuts(after: calls, takesZeros: true)
  }

  /// The zeros that undo it fail, too.
  ///
  /// Seed 2,671 of the simulation: the file was truncated and made as long as it was, and a process
  /// that ended between the two left a damaged journal.
  @Test(arguments: 0...6)
  func `nor does one that ends while it cuts on a disk that takes no zeros`(_ calls: Int) throws {
    try endsWhileItCuts(after: calls, takesZeros: false)
  }

  @Test func `a failed append is cut on a disk that takes no zeros`() throws {
    let bench = JournalBench()
    let (writer, _, _) = try bench.openWriter()
    let first = try bench.record("acme")
    _ = writer.write([first])
    bench.disk.inject(.init(.write, call: 1, .shortWrite(50), isPermanent: true))
    #expect(writer.write([try bench.record("acme", size: 900)]) == .cut)
    bench.disk.clearFaults()
    bench.rewind("acme", to: TenantSeq(1), first.hash)
    #expect(
      writer.write([try bench.record("acme")]) == .durable(first: CellSeq(2), last: CellSeq(2)))
    writer.close()
    #expect(try reopened(bench) == [CellSeq(1), CellSeq(2)])
  }

  @Test func `after a fatality nothing is answered`() throws {
    let bench = JournalBench()
    let fatalities = Monitor<[JournalFatality]>([])
    let opened = try Journal.open(bench.configuration, files: bench.disk.fileSystem()) { fatality in
      fatalities.withLock { $0.append(fatality) }
      fatalities.broadcast()
    }
    let answers = Answers()
    opened.journal.append(try bench.record("acme")) { answers.add($0) }
    #expect(answers.wait(for: 1) == [.durable(CellSeq(1))])
    bench.disk.inject(.init(.sync, call: 1, .error(SystemErrors.io)))
    opened.journal.append(try bench.record("acme")) { answers.add($0) }
    fatalities.wait { $0.isEmpty ? nil : () }
    opened.journal.append(try bench.record("acme")) { answers.add($0) }
    opened.journal.close()
    #expect(answers.all.count == 1)
  }

  @Test func `a full queue refuses`() throws {
    var configuration = JournalBench().configuration
    configuration.queueRecords = 2
    let bench = JournalBench()
    var queue = AppendQueue(configuration)
    func item() throws -> AppendQueue.Item {
      AppendQueue.Item(
        content: .record(try bench.record("acme")), bytes: 100, completion: { _ in })
    }
    #expect(queue.add(try item(), more: false) == .keepWaiting)
    #expect(queue.add(try item(), more: false) == .keepWaiting)
    #expect(queue.add(try item(), more: false) == .refuse(.queueFull))
    #expect(queue.take().count == 2)
    queue.writer = .idle
    #expect(queue.add(try item(), more: true) == .wake)
    #expect(!queue.isReady, "more is coming, so the writer may wait")
    queue.close()
    #expect(queue.add(try item(), more: false) == .refuse(.closed))
  }

  @Test func `on a full disk records are cut, and a release uses the reserve`() throws {
    let bench = JournalBench(segmentBytes: 8192)
    bench.configuration.reserveBytes = 16 * 1024
    bench.configuration.reserveSegmentBytes = 4096
    let (writer, _, _) = try bench.openWriter()
    var durable: UInt64 = 0
    bench.disk.limitFreeBytes(9000)
    var last: SealedRecord?
    while true {
      let record = try bench.record("acme", size: 400)
      guard case .durable = writer.write([record]) else { break }
      durable += 1
      last = record
    }
    #expect(durable > 5)
    #expect(bench.disk.bytes("/data/journal/reserve") != nil)
    bench.disk.limitFreeBytes(5000)
    let kept = try #require(last)
    bench.rewind("acme", to: kept.identity.tenantSeq, kept.hash)
    let release = try bench.record("acme", kind: .release)
    #expect(
      writer.write([release]) == .durable(first: CellSeq(durable + 1), last: CellSeq(durable + 1)))
    #expect(bench.disk.bytes("/data/journal/reserve") == nil)
  }
}
