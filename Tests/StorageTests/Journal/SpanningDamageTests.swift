import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Damage in two segments that follow one another, and in the files' order.
@Suite("Damage across segments") struct SpanningDamageTests {
  private let directory = "/data/journal"
  private let idle = TenantID(trusted: "idle")
  private let records = 28

  /// Segments of groups of one record; the first is the idle tenant's, the others a's and b's in
  /// turn: a has the even positions.
  private func filled() throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 4096)
    let (writer, opened, _) = try bench.openWriter()
    for position in 1...records {
      let tenant = position == 1 ? "idle" : position % 2 == 0 ? "a" : "b"
      let seq = CellSeq(UInt64(position))
      #expect(
        writer.write([try bench.record(tenant, size: 300)]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
    return bench
  }

  /// Each segment's groups.
  private func segments(_ bench: JournalBench) throws -> [[JournalInspection.Group]] {
    var result: [[JournalInspection.Group]] = []
    let groups = try JournalInspection.run(
      directory: directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups
    for group in groups {
      if result.last?.last?.segment == group.segment {
        result[result.count - 1].append(group)
      } else {
        result.append([group])
      }
    }
    try #require(result.count >= 4)
    return result
  }

  private func spoil(_ bench: JournalBench, _ groups: [JournalInspection.Group]) {
    for group in groups {
      bench.disk.edit("\(directory)/\(group.segment)") { $0[Int(group.offset) + 20] ^= 1 }
    }
  }

  private func spoilHeader(_ bench: JournalBench, _ segment: String) {
    bench.disk.edit("\(directory)/\(segment)") { $0[20] ^= 1 }
  }

  private func positions(_ groups: [JournalInspection.Group]) -> [UInt64] {
    groups.filter { $0.kind == "records" }.map(\.firstSeq.rawValue)
  }

  /// A start reads all but what is lost, and says where that was.
  private func expectReported(
    _ bench: JournalBench, _ lost: [UInt64], _ comment: Comment
  ) throws -> JournalOpening.Result {
    let (writer, opened, catalog) = try bench.openWriter()
    let contents = catalog.withLock { $0 }
    let found = try bench.records(contents).map(\.position.cellSeq.rawValue)
    #expect(found == (1...UInt64(records)).filter { !lost.contains($0) }, comment)
    for position in lost.map({ CellSeq($0) }) {
      let isNamed = contents.damage.contains { range in
        range.firstSeq <= position && range.lastSeq.map { position <= $0 } ?? true
      }
      #expect(isNamed, comment)
    }
    writer.close()
    opened.lock.release()
    return opened
  }

  /// Nothing is damaged any more, for as long as the journal goes on.
  private func expectWhole(_ bench: JournalBench, _ comment: Comment) throws {
    let verification = try JournalVerification.run(
      directory: directory, files: bench.disk.fileSystem())
    #expect(verification.damage.isEmpty && verification.tail == "clean", comment)
    for _ in 0..<3 {
      let (writer, opened, _) = try bench.openWriter()
      #expect(opened.isWritable && opened.catalog.damage.isEmpty, comment)
      var seq = opened.catalog.lastSeq
      for _ in 0..<4 {
        seq = seq.next
        #expect(
          writer.write([try bench.record("new", size: 300)]) == .durable(first: seq, last: seq),
          comment)
      }
      writer.close()
      opened.lock.release()
    }
    #expect(throws: JournalError.self, comment) { try bench.repair() }
  }

  @Test func `of a lost seal and the group behind it only that group's tenant stops`() throws {
    let bench = try filled()
    let segments = try segments(bench)
    let lost = [try #require(segments[1].last), try #require(segments[2].first)]
    #expect(lost.map(\.kind) == ["seal", "records"])
    spoil(bench, lost)
    let position = lost[1].firstSeq.rawValue
    let tenant = TenantID(trusted: position % 2 == 0 ? "a" : "b")
    for _ in 0..<2 {
      let opened = try expectReported(bench, [position], "before the repair")
      #expect(opened.isWritable)
      #expect(opened.catalog.damage.map(\.segment) == lost.map(\.segment))
      #expect(
        opened.catalog.damage.map(\.tenants)
          == [.known([:]), .known([tenant: TenantSeq(position / 2)])])
    }
    let report = try bench.repair()
    #expect(report.ranges.map { $0.losses.map(\.tenant) } == [[], [tenant]])
    #expect(report.ranges.allSatisfy { !$0.othersPossible })
    try expectWhole(bench, "behind the repair")
  }

  @Test func `a lost seal stops nobody`() throws {
    let bench = try filled()
    let seal = try #require(try segments(bench)[2].last)
    spoil(bench, [seal])
    let opened = try expectReported(bench, [], "a lost seal")
    #expect(opened.isWritable)
    #expect(opened.catalog.damage.map(\.segment) == [seal.segment])
    #expect(opened.catalog.damage.allSatisfy { !$0.stops(idle, applied: .zero) })
    #expect(try bench.repair().ranges.allSatisfy { $0.losses.isEmpty })
    try expectWhole(bench, "behind the repair")
  }

  @Test func `one repair makes whole what is damaged on both sides of a segment's end`() throws {
    let bench = try filled()
    let segments = try segments(bench)
    for index in 0..<(segments.count - 1) {
      let behind = segments[index + 1]
      for (back, front) in (1...3).flatMap({ back in (0...behind.count).map { (back, $0) } }) {
        for lacksHeader in [false, true] {
          let lost = Array(segments[index].suffix(back) + behind.prefix(front))
          let copy = JournalBench(disk: bench.disk.copy(), segmentBytes: 4096)
          spoil(copy, lost)
          if lacksHeader { spoilHeader(copy, behind[0].segment) }
          let comment: Comment =
            "\(back) groups before and \(front) behind the end of \(index), \(lacksHeader)"
          _ = try expectReported(copy, positions(lost), comment)
          _ = try copy.repair()
          try expectWhole(copy, comment)
        }
      }
    }
  }

  @Test func `what an unreadable first segment held is missing`() throws {
    let bench = try filled()
    let first = try segments(bench)[0]
    bench.disk.edit("\(directory)/\(first[0].segment)") { bytes in
      bytes = [UInt8](repeating: 0, count: bytes.count)
    }
    let lost = positions(first)
    let opened = try expectReported(bench, lost, "before the repair")
    let range = try #require(opened.catalog.damage.first { $0.stops(idle, applied: .zero) })
    #expect(range.firstSeq == CellSeq(1))
    #expect(range.lastSeq?.rawValue == lost.last)
    #expect(try bench.repair().ranges.contains { $0.othersPossible })
    try expectWhole(bench, "behind the repair")
  }

  @Test func `a missing segment before the last one is repaired for good`() throws {
    let bench = try filled()
    let segments = try segments(bench)
    let missing = segments[segments.count - 2]
    bench.disk.remove("\(directory)/\(missing[0].segment)")
    _ = try expectReported(bench, positions(missing), "before the repair")
    _ = try bench.repair()
    try expectWhole(bench, "behind the repair")
  }
}
