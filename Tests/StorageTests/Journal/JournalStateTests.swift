import Testing
import Wire

@testable import Storage

/// The writer's decisions, without a disk.
@Suite("Journal state") struct JournalStateTests {
  private func opened(capacity: UInt64? = 4096) -> JournalState {
    var state = JournalState()
    state.opened(at: .start, capacity: capacity)
    return state
  }

  private func group(_ number: UInt64, _ lastSeq: UInt64, bytes: Int, kind: GroupHeader.Kind)
    -> JournalGroup
  {
    JournalGroup(
      GroupHeader(
        kind: kind, totalBytes: bytes, recordCount: 1, number: number, firstSeq: CellSeq(lastSeq),
        lastSeq: CellSeq(lastSeq), previousHash: .zero, listFirstSeq: CellSeq(1), listBytes: 0,
        listCount: 0), hash: .of([UInt8(number)]))
  }

  @Test func `nothing is placed before opening or after closing`() {
    var state = JournalState()
    #expect(state.place(bytes: 10, sealBytes: 10) == .refuse(.closed))
    state.opened(at: .start, capacity: 4096)
    #expect(state.place(bytes: 10, sealBytes: 10) == .append(at: 512))
    state.closed()
    #expect(state.place(bytes: 10, sealBytes: 10) == .refuse(.closed))
  }

  @Test func `the tip moves when the fsync returns, not before`() {
    var state = opened()
    state.appendBegan(group(1, 1, bytes: 100, kind: .records))
    #expect(state.tip == .start)
    state.appended()
    #expect(state.tip == .start)
    #expect(state.synced() == .answerDurable(first: CellSeq(1), last: CellSeq(1)))
    #expect(
      state.tip
        == JournalTip(groupNumber: 1, lastSeq: CellSeq(1), hash: .of([1]), offset: 612))
    #expect(state.phase == .ready)
  }

  @Test func `a failed append goes back to the tip`() {
    var state = opened()
    state.appendBegan(group(1, 1, bytes: 100, kind: .records))
    state.appended()
    _ = state.synced()
    let tip = state.tip
    state.appendBegan(group(2, 2, bytes: 100, kind: .records))
    #expect(state.appendFailed() == tip.offset)
    state.truncated()
    #expect(state.tip == tip)
    #expect(state.place(bytes: 10, sealBytes: 10) == .append(at: tip.offset))
  }

  @Test func `after a failure everything is refused, also by a close`() {
    var state = opened()
    state.appendBegan(group(1, 1, bytes: 100, kind: .records))
    state.appended()
    state.failed()
    state.closed()
    #expect(state.phase == .failed)
    #expect(state.place(bytes: 10, sealBytes: 10) == .refuse(.damaged))
  }

  @Test func `a group goes in only with room for the seal behind it`() {
    let state = opened(capacity: 1024)
    #expect(state.place(bytes: 400, sealBytes: 112) == .append(at: 512))
    #expect(state.place(bytes: 401, sealBytes: 112) == .sealFirst)
  }

  @Test func `behind a seal a segment is made first`() {
    var state = opened()
    state.appendBegan(group(1, 0, bytes: 96, kind: .seal))
    state.appended()
    #expect(state.synced() == .sealed)
    #expect(state.place(bytes: 10, sealBytes: 10) == .makeSegmentFirst)
    state.segmentMade(capacity: 8192)
    #expect(state.place(bytes: 10, sealBytes: 10) == .append(at: 512))
    #expect(opened(capacity: nil).phase == .needsSegment)
  }
}
