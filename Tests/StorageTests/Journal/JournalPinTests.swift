import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal pins") struct JournalPinTests {
  private let bench = JournalBench(segmentBytes: 4096)

  /// Forty records over several segments, all of which a trim may take but for pins.
  private func filled() throws -> Journal {
    let opened = try Journal.openStepped(
      bench.configuration, files: bench.disk.fileSystem(), applied: { [:] },
      fatal: { Issue.record("fatal: \($0)") })
    for number in 0..<40 {
      opened.journal.append(try bench.record("t\(number % 3)", size: 300)) { _ in }
      opened.journal.step()
    }
    try opened.journal.writeHeads(HeadsCheckpoint(through: CellSeq(40), heads: [:]))
    return opened.journal
  }

  private func holds(_ journal: Journal, from seq: UInt64) throws -> Bool {
    var tail = journal.tail(.from(CellSeq(seq)), .onThisDisk)
    defer { tail.close() }
    do throws(JournalError) {
      return try tail.available() != nil
    } catch .trimmed {
      return false
    }
  }

  private func expectHeld(_ journal: Journal, from seq: UInt64, isHeld: Bool = true) throws {
    let found = try holds(journal, from: seq)
    #expect(found == isHeld, "from \(seq)")
  }

  @Test func `what a pin needs stays until it moves on`() throws {
    let journal = try filled()
    journal.setPin("archive", through: CellSeq(10), mayHold: nil)
    journal.setPin("follower/f", through: CellSeq(30), mayHold: JournalPin.followerBytes)
    try journal.trim(pastAll: CellSeq(40))
    try expectHeld(journal, from: 11)
    try expectHeld(journal, from: 1, isHeld: false)
    journal.advancePin("archive", through: CellSeq(40))
    // Back is not possible: that part may be gone.
    journal.advancePin("follower/f", through: CellSeq(5))
    try journal.trim(pastAll: CellSeq(40))
    try expectHeld(journal, from: 11, isHeld: false)
    try expectHeld(journal, from: 31)
    journal.removePin("follower/f")
    try journal.trim(pastAll: CellSeq(40))
    try expectHeld(journal, from: 31, isHeld: false)
    journal.close()
  }

  @Test func `a follower that is too far behind is lost, the archive is not`() throws {
    let journal = try filled()
    journal.setPin("follower/slow", through: CellSeq(0), mayHold: 4096)
    journal.setPin("archive", through: CellSeq(20), mayHold: nil)
    try journal.trim(pastAll: CellSeq(40))
    #expect(journal.pins["follower/slow"]?.isLost == true)
    #expect(journal.pins["archive"]?.isLost == false)
    try expectHeld(journal, from: 1, isHeld: false)
    try expectHeld(journal, from: 21)
    // It says how far it is, too late; set anew it holds again.
    journal.advancePin("follower/slow", through: CellSeq(39))
    #expect(journal.pins["follower/slow"]?.isLost == true)
    journal.setPin("follower/slow", through: CellSeq(39), mayHold: 4096)
    journal.removePin("archive")
    try journal.trim(pastAll: CellSeq(40))
    try expectHeld(journal, from: 40)
    journal.close()
  }

  @Test func `on a disk without room followers hold nothing, the archive does`() throws {
    let journal = try filled()
    journal.close()
    bench.configuration.reserveBytes = 1024
    bench.configuration.pins = ["follower/f": JournalPin.followerBytes, "archive": nil]
    let again = try Journal.openStepped(
      bench.configuration, files: bench.disk.fileSystem(), applied: { [:] },
      fatal: { Issue.record("fatal: \($0)") })
    // Before either has said anything all of it is held.
    try again.journal.trim(pastAll: CellSeq(40))
    try expectHeld(again.journal, from: 1)
    again.journal.advancePin("archive", through: CellSeq(20))
    bench.disk.limitFreeBytes(512)
    try again.journal.trim(pastAll: CellSeq(40))
    #expect(again.journal.pins["follower/f"]?.isLost == true)
    try expectHeld(again.journal, from: 1, isHeld: false)
    try expectHeld(again.journal, from: 21)
    again.journal.close()
  }
}
