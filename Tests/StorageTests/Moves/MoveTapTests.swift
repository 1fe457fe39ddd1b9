import Testing
import Wire

@testable import Storage

@Suite("What a move's target lacks") struct MoveTapTests {
  private func records() throws -> [SealedRecord] {
    let bench = JournalBench()
    return try (0..<3).map { _ in try bench.record("t1", size: 1_000) }
  }

  @Test func `up to its limit all of it comes, in order`() throws {
    let records = try records()
    let bytes = records.reduce(0) { $0 + $1.bytes.count }
    let tap = MoveTap(byteLimit: bytes)
    for record in records { tap.add(record) }
    #expect(tap.waitingBytes == bytes)
    let taken = try tap.take(after: .zero, bytes: .max)
    #expect(taken.map(\.identity.tenantSeq) == records.map(\.identity.tenantSeq))
    #expect(tap.waitingBytes == 0)
    #expect(try tap.take(after: .zero, bytes: .max).isEmpty)
  }

  @Test func `what does not fit into a message is the next one's, a larger one goes alone`()
    throws
  {
    let records = try records()
    let bytes = records[0].bytes.count
    let tap = MoveTap()
    for record in records { tap.add(record) }
    #expect(try tap.take(after: .zero, bytes: bytes * 5 / 2).count == 2)
    #expect(tap.waitingBytes == records[2].bytes.count)
    #expect(try tap.take(after: .zero, bytes: bytes / 2).count == 1)
    #expect(tap.waitingBytes == 0)
    // What the target has already takes no room.
    for record in records { tap.add(record) }
    let last = records[1].identity.tenantSeq
    #expect(try tap.take(after: last, bytes: bytes / 2).map(\.hash) == [records[2].hash])
  }

  @Test func `past its limit the move ends, whatever is taken after it`() throws {
    let records = try records()
    let tap = MoveTap(byteLimit: records.reduce(0) { $0 + $1.bytes.count } - 1)
    for record in records { tap.add(record) }
    for _ in 0..<2 {
      let failure = #expect(throws: Failure.self) { try tap.take(after: .zero, bytes: .max) }
      #expect(failure?.code == .overloaded)
    }
  }

  @Test func `a target may be 128 MiB behind`() { #expect(MoveTap().byteLimit == 128 << 20) }
}
