import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// What is missing before the first segment is closed by a repair, and by nothing else.
@Suite("Journal's beginning") struct JournalBeginningTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")

  /// Thirty records of two tenants in turn, of which the first segment is gone.
  private func beheaded() throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 4096)
    let (writer, opened, _) = try bench.openWriter()
    for seq in 1...30 {
      _ = writer.write([try bench.record(seq % 2 == 1 ? "a" : "b", size: 300)])
    }
    writer.close()
    opened.lock.release()
    try bench.disk.fileSystem().remove(bench.segmentPath(1))
    return bench
  }

  @Test func `segments that are missing are named, and a repair ends it`() throws {
    let bench = try beheaded()
    for _ in 0..<2 {
      let (writer, opened, _) = try bench.openWriter()
      #expect(opened.catalog.damage.map(\.firstSeq) == [CellSeq(1)])
      writer.close()
      opened.lock.release()
    }
    // Tenant a's files have it all, those of b nothing.
    let report = try bench.repair([a: TenantSeq(15)])
    let range = try #require(report.ranges.first)
    #expect(range.losses.map(\.tenant) == [b])
    #expect(range.losses.first?.lostFrom == TenantSeq(1))
    #expect(range.losses.first?.needsRestore == true)
    #expect(range.othersPossible && range.removedBytes == 0)
    let (writer, opened, _) = try bench.openWriter()
    #expect(opened.catalog.damage.isEmpty && opened.isWritable)
    #expect(opened.heads[a]?.tenantSeq == TenantSeq(15))
    #expect(
      writer.write([try bench.record("a")]) == .durable(first: CellSeq(31), last: CellSeq(31)))
    writer.close()
    opened.lock.release()
    #expect(throws: JournalError.self) { try bench.repair() }
  }

  @Test func `heads of a version that is not known are not taken for damaged ones`() throws {
    let bench = try beheaded()
    _ = try bench.repair()
    let path = bench.configuration.directory + "/heads"
    bench.disk.edit(path) { bytes in
      bytes[8] = 99
      let crc = CRC32.of(Array(bytes.dropLast(4)))
      var tail = ByteWriter()
      tail.integer(crc)
      bytes.replaceSubrange((bytes.count - 4)..., with: tail.bytes)
    }
    let before = bench.disk.bytes(path)
    #expect(throws: JournalError.unknownFormat(99)) { try bench.repair() }
    #expect(bench.disk.bytes(path) == before)
  }

  @Test func `while a journal keeps evidence no pin is lost, and nothing is trimmed`() throws {
    let bench = try beheaded()
    let opened = try Journal.openStepped(
      bench.configuration, files: bench.disk.fileSystem(), applied: { [:] },
      fatal: { Issue.record("fatal: \($0)") })
    #expect(opened.journal.keepsEvidence)
    opened.journal.setPin("follower/slow", through: CellSeq(0), mayHold: 1)
    let segments = opened.journal.segmentStarts
    try opened.journal.writeHeads(
      HeadsCheckpoint(through: opened.last, heads: opened.heads))
    try opened.journal.trim(pastAll: opened.last)
    #expect(opened.journal.segmentStarts == segments)
    #expect(opened.journal.pins["follower/slow"]?.isLost == false)
    #expect(bench.disk.bytes(bench.configuration.directory + "/heads") == nil)
    opened.journal.close()
  }
}
