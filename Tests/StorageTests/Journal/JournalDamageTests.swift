import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Every acknowledged record is present after damage, or a reported range covers it.
@Suite("Journal damage") struct JournalDamageTests {
  /// Five groups of one to three records in one open segment of 3 KiB.
  private func small() throws -> (bench: JournalBench, records: [CellSeq: SHA256Hash]) {
    let bench = JournalBench(segmentBytes: 3072)
    let (writer, opened, _) = try bench.openWriter()
    var records: [CellSeq: SHA256Hash] = [:]
    var seq: UInt64 = 0
    for size in [1, 2, 1, 3, 1] {
      let group = try (0..<size).map { try bench.record("t\($0)", size: 10) }
      for record in group {
        seq += 1
        records[CellSeq(seq)] = record.hash
      }
      #expect(
        writer.write(group)
          == .durable(
            first: CellSeq(seq - UInt64(size) + 1), last: CellSeq(seq)))
    }
    writer.close()
    opened.lock.release()
    return (bench, records)
  }

  /// Opens what `edit` left and returns the acknowledged records that are neither there nor named.
  private func silentlyLost(
    _ bench: JournalBench, _ records: [CellSeq: SHA256Hash],
    applied: [TenantID: TenantSeq] = [:], _ edit: (SimulatedDisk) -> Void
  ) throws -> (lost: [CellSeq], opened: JournalOpening.Result) {
    let copy = JournalBench(disk: bench.disk.copy(), segmentBytes: bench.configuration.segmentBytes)
    edit(copy.disk)
    let (writer, opened, catalog) = try copy.openWriter(applied: applied)
    let found = try copy.records(catalog.withLock { $0 })
    writer.close()
    let hashes = Dictionary(uniqueKeysWithValues: found.map { ($0.position.cellSeq, $0.hash) })
    let lost = records.filter { seq, hash in
      if let present = hashes[seq] { return present != hash }
      return !opened.catalog.damage.contains { range in
        range.firstSeq <= seq && range.lastSeq.map { seq <= $0 } ?? true
      }
    }
    return (lost.keys.sorted(), opened)
  }

  @Test func `a flip of any byte loses nothing silently`() throws {
    let (bench, records) = try small()
    let path = bench.segmentPath(1)
    let size = try #require(bench.disk.bytes(path)).count
    let end = try #require(try groupPlaces(bench).last).upperBound
    var reported = 0
    for offset in 0..<size {
      let result = try silentlyLost(bench, records) { disk in
        disk.edit(path) { $0[offset] ^= 0x10 }
      }
      #expect(result.lost.isEmpty, "flip at \(offset)")
      #expect(result.opened.cut == nil || offset >= end, "flip at \(offset) taken for tearing")
      if !result.opened.catalog.damage.isEmpty { reported += 1 }
    }
    // Flips in groups and header are reported; only the zeros at the end may be taken for tearing.
    #expect(reported > size / 2)
  }

  @Test func `a cut at any offset loses nothing silently`() throws {
    let (bench, records) = try small()
    let path = bench.segmentPath(1)
    let size = try #require(bench.disk.bytes(path)).count
    for length in 0..<size {
      let result = try silentlyLost(bench, records) { disk in
        disk.edit(path) { $0.removeLast(size - length) }
      }
      #expect(result.lost.isEmpty, "cut to \(length)")
      #expect(!result.opened.isWritable, "cut to \(length)")
    }
  }

  private func groupPlaces(_ bench: JournalBench) throws -> [Range<Int>] {
    try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups.map { Int($0.offset)..<(Int($0.offset) + $0.bytes) }
  }

  @Test func `a lost group's tenants are named by the next group`() throws {
    let (bench, records) = try small()
    let place = try groupPlaces(bench)[1]
    let result = try silentlyLost(bench, records) { disk in
      disk.edit(bench.segmentPath(1)) { $0[place.lowerBound + 120] ^= 1 }
    }
    #expect(result.lost.isEmpty)
    let range = try #require(result.opened.catalog.damage.first)
    #expect(range.firstSeq == CellSeq(2))
    #expect(range.lastSeq == CellSeq(3))
    #expect(
      range.tenants
        == .known([TenantID(trusted: "t0"): TenantSeq(2), TenantID(trusted: "t1"): TenantSeq(1)]))
    #expect(range.stops(TenantID(trusted: "t1"), applied: .zero))
    #expect(!range.stops(TenantID(trusted: "t1"), applied: TenantSeq(1)))
    #expect(!range.stops(TenantID(trusted: "t2"), applied: .zero))
    #expect(result.opened.isWritable, "what follows is whole, so the journal goes on")
  }

  @Test func `doubled, swapped and dropped groups are reported`() throws {
    let (bench, records) = try small()
    let places = try groupPlaces(bench)
    let path = bench.segmentPath(1)
    let bytes = try #require(bench.disk.bytes(path))
    func rebuilt(_ order: [Int]) -> [UInt8] {
      var result = Array(bytes[..<512])
      for index in order { result += bytes[places[index]] }
      if result.count > bytes.count { result.removeLast(result.count - bytes.count) }
      return result + [UInt8](repeating: 0, count: bytes.count - result.count)
    }
    for order in [
      [0, 1, 1, 2, 3, 4], [0, 2, 1, 3, 4], [0, 1, 3, 4], [1, 2, 3, 4], [4, 0, 1, 2, 3],
    ] {
      let result = try silentlyLost(bench, records) { $0.replace(path, rebuilt(order)) }
      #expect(result.lost.isEmpty, "order \(order)")
      #expect(!result.opened.catalog.damage.isEmpty, "order \(order)")
    }
  }

  @Test func `two lost groups stop every tenant whose chain does not cross them`() throws {
    let (bench, records) = try small()
    let places = try groupPlaces(bench)
    let result = try silentlyLost(bench, records) { disk in
      disk.edit(bench.segmentPath(1)) { bytes in
        for index in places[1].lowerBound..<places[2].upperBound { bytes[index] = 0 }
      }
    }
    #expect(result.lost.isEmpty)
    let range = try #require(result.opened.catalog.damage.first)
    #expect(range.tenants == .unknown(intact: [TenantID(trusted: "t2")]))
  }

  @Test func `a zeroed block of 4 KiB is reported wherever it lies`() throws {
    let bench = JournalBench(segmentBytes: 32 * 1024)
    let (writer, opened, _) = try bench.openWriter()
    var records: [CellSeq: SHA256Hash] = [:]
    for seq in 1...60 {
      let record = try bench.record("t\(seq % 4)", size: 150)
      records[CellSeq(UInt64(seq))] = record.hash
      #expect(
        writer.write([record])
          == .durable(
            first: CellSeq(UInt64(seq)), last: CellSeq(UInt64(seq))))
    }
    writer.close()
    opened.lock.release()
    let used = Int(try groupPlaces(bench).last?.upperBound ?? 0)
    // A block may take a whole header: then only the files' applied seqs tell that it was durable.
    let applied = bench.chains.mapValues(\.seq)
    for block in 0...(used / 4096) {
      let result = try silentlyLost(bench, records, applied: applied) { disk in
        disk.edit(bench.segmentPath(1)) { bytes in
          for index in (block * 4096)..<min((block + 1) * 4096, bytes.count) { bytes[index] = 0 }
        }
      }
      #expect(result.lost.isEmpty, "block \(block)")
      #expect(!result.opened.catalog.damage.isEmpty, "block \(block)")
    }
  }

  @Test func `another cell's or generation's journal is refused`() throws {
    let (bench, _) = try small()
    bench.configuration.cell = CellID(trusted: "us-2")
    #expect(
      throws: JournalError.foreignCell(
        found: CellID(trusted: "eu-1"), expected: CellID(trusted: "us-2"))
    ) { try bench.openWriter() }
    bench.configuration.cell = CellID(trusted: "eu-1")
    bench.configuration.generation = Generation(2)
    #expect(throws: JournalError.foreignGeneration(found: .first, expected: Generation(2))) {
      try bench.openWriter()
    }
  }

  @Test func `a torn group that files have is damage, not tearing`() throws {
    let bench = JournalBench(segmentBytes: 8192)
    let (writer, opened, _) = try bench.openWriter()
    for seq in 1...8 {
      let expected = CellSeq(UInt64(seq))
      #expect(writer.write([try bench.record("t0")]) == .durable(first: expected, last: expected))
    }
    // Long enough to have a sector of its own that can be missing.
    let record = try bench.record("t0", size: 900)
    #expect(writer.write([record]) == .durable(first: CellSeq(9), last: CellSeq(9)))
    writer.close()
    opened.lock.release()
    let place = try #require(try groupPlaces(bench).last)
    bench.disk.edit(bench.segmentPath(1)) { bytes in
      for index in ((place.lowerBound / 512 + 1) * 512)..<bytes.count { bytes[index] = 0 }
    }
    let proof = [TenantID(trusted: "t0"): record.identity.tenantSeq]
    let proven = JournalBench(disk: bench.disk.copy(), segmentBytes: 8192)
    let damaged = try proven.openWriter(applied: proof)
    #expect(!damaged.opened.isWritable)
    #expect(damaged.opened.catalog.damage.first?.firstSeq == CellSeq(9))
    let cut = try bench.openWriter()
    #expect(cut.opened.isWritable)
    #expect(cut.opened.cut?.firstSeq == CellSeq(9))
    #expect(cut.opened.catalog.lastSeq == CellSeq(8))
  }
}
