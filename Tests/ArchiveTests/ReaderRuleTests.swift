import Storage
import Testing
import Wire

@testable import Archive

@Suite struct ReaderRuleTests {
  private func claim(_ generation: UInt64, _ first: UInt64) -> Claim {
    Claim(
      cell: ArchiveFixture.cell, generation: Generation(generation), firstSeq: CellSeq(first),
      previousHash: "", claimedAt: .zero)
  }

  private func span(_ generation: UInt64, _ first: UInt64, _ last: UInt64) -> JournalSpan {
    JournalSpan(
      generation: Generation(generation), first: CellSeq(first), last: CellSeq(last))
  }

  @Test func `spans are read in order, and a gap between them is named`() {
    let reading = ReaderRule.read(
      [span(1, 21, 30), span(1, 1, 10), span(1, 11, 15)], claims: [claim(1, 1)])
    #expect(reading.spans == [span(1, 1, 10), span(1, 11, 15), span(1, 21, 30)])
    #expect(reading.gaps == [CellSeq(16)...CellSeq(20)])
    #expect(reading.ignored.isEmpty)
  }

  @Test func `an older generation that still uploads is ignored from the claim on`() {
    let reading = ReaderRule.read(
      [span(1, 1, 10), span(1, 11, 20), span(2, 11, 14), span(1, 21, 30), span(2, 15, 16)],
      claims: [claim(1, 1), claim(2, 11)])
    #expect(reading.spans == [span(1, 1, 10), span(2, 11, 14), span(2, 15, 16)])
    #expect(reading.ignored == [span(1, 11, 20), span(1, 21, 30)])
  }

  @Test func `an object that reaches over a later claim is ignored as a whole`() {
    let reading = ReaderRule.read(
      [span(1, 1, 10), span(1, 11, 20), span(2, 16, 18)], claims: [claim(1, 1), claim(2, 16)])
    #expect(reading.spans == [span(1, 1, 10), span(2, 16, 18)])
    #expect(reading.gaps == [CellSeq(11)...CellSeq(15)])
  }

  @Test func `a generation without a claim counts nothing`() {
    let reading = ReaderRule.read([span(1, 1, 3), span(3, 4, 5)], claims: [claim(1, 1)])
    #expect(reading.spans == [span(1, 1, 3)])
    #expect(reading.ignored == [span(3, 4, 5)])
  }

  @Test func `what lies in a longer object is covered`() {
    let reading = ReaderRule.read(
      [span(1, 1, 4), span(1, 1, 10), span(1, 5, 10), span(1, 11, 12)], claims: [claim(1, 1)])
    #expect(reading.spans == [span(1, 1, 10), span(1, 11, 12)])
    #expect(reading.covered == [span(1, 1, 4), span(1, 5, 10)])
  }

  @Test func `names say what they hold, and nothing else is taken for one`() {
    let (cell, span) = (ArchiveFixture.cell, span(2, 3, 9))
    #expect(ArchiveNames.span(ArchiveNames.journal(cell, span), of: cell) == span)
    for name in [
      "journal/c1/2/3-9", "journal/c2/0000000000000002/0000000000000003-0000000000000009",
      "journal/c1/0000000000000002/0000000000000009-0000000000000003",
    ] { #expect(ArchiveNames.span(name, of: cell) == nil) }
    let snapshot = SnapshotName(tenantSeq: TenantSeq(5), lineage: Lineage(6), nonce: 7)
    #expect(SnapshotName(snapshot.description) == snapshot)
  }
}
