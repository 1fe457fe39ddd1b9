import Foundation
import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// Journals that earlier versions wrote are read, verified and replayed by this one.
@Suite("Journals of earlier versions") struct PreviousJournalTests {
  private static let versions = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("VersionFixtures")
  private static let tenants = ["t1", "t2"].map(TenantID.init(trusted:))
  private static let schema = TestSchema.store([
    TestSchema.ledger, TestSchema.messages, TestSchema.addition,
  ])

  private func engine(_ directory: String, _ schema: StoreSchema = schema) async throws
    -> TestEngine
  {
    try await TestEngine(directory, schema: schema) {
      $0.adjustJournal = {
        $0.groupBytes = 64 * 1_024
        $0.segmentBytes = 64 * 1_024
        $0.reserveBytes = 0
      }
    }
  }

  /// Every tenant's last record and digests, and what its rows are.
  private func facts(_ engine: TestEngine) async throws -> [String] {
    var lines: [String] = []
    for tenant in Self.tenants {
      let counts = try await engine.counts(tenant)
      let labels = try await engine.engine.read(tenant, [.messages]) {
        try $0.file(.messages).rows("SELECT label FROM messages WHERE label IS NOT NULL") {
          $0.text(0)
        }
      }
      let digest = try await engine.engine.digest(tenant, recompute: true)
      let head = try #require(engine.engine.heads[tenant])
      let files = digest.files.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
      lines.append(
        "\(tenant) \(head.tenantSeq.rawValue) \(head.epoch.rawValue) \(head.hash) \(counts) "
          + "\(labels) \(files)")
    }
    return lines
  }

  private func journal(_ directory: String) throws -> String {
    let found = try JournalVerification.run(
      directory: directory + "/journal", files: LiveFileSystem())
    let kinds = try JournalInspection.run(
      directory: directory + "/journal", files: LiveFileSystem(), detail: .records, limit: .max
    ).groups.flatMap(\.records).map(\.kind)
    return "journal ok=\(found.ok) segments=\(found.segments) records=\(found.records) "
      + "commands=\(found.commands) kinds=\(Set(kinds).sorted().joined(separator: ","))"
  }

  @Test func `each replays into the same files, and goes on`() async throws {
    let directories = try FileManager.default.contentsOfDirectory(
      at: Self.versions, includingPropertiesForKeys: nil
    ).filter(\.hasDirectoryPath)
    #expect(!directories.isEmpty)
    for stored in directories {
      let expected = try String(
        contentsOf: stored.appendingPathComponent("journal.txt"), encoding: .utf8
      ).split(separator: "\n").map(String.init)
      try await withTemporaryDirectory { directory in
        try FileManager.default.copyItem(
          atPath: stored.path + "/journal", toPath: directory + "/journal")
        #expect(try journal(directory) == expected.first)
        let engine = try await engine(directory)
        #expect(engine.report.damage.isEmpty)
        #expect(try await facts(engine) == Array(expected.dropFirst()))
        try await engine.pay(10_000)
        await engine.close()
      }
    }
  }

  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] != nil))
  func `writes what this version writes`() async throws {
    let directory = ProcessInfo.processInfo.environment["AIMSTORS_WRITE_FIXTURES"] ?? ""
    try await withTemporaryDirectory { place in
      let older = try await engine(
        place, TestSchema.store([TestSchema.ledger, TestSchema.messages]))
      for tenant in Self.tenants { try await older.engine.create(tenant, epoch: Epoch(3)) }
      for id in 1...6 { try await older.pay(Int64(id), Self.tenants[id % 2]) }
      await older.close()
      let engine = try await engine(place)
      // Compressible, and too large for what is left of a segment.
      let text = String(repeating: "Tuesday between ten and noon, at the back door; ", count: 900)
      for id in 100..<104 {
        try await engine.write {
          try $0.file(.messages).run(
            "INSERT INTO messages (id, body, label, score, raw) VALUES (?, ?, 'x', 0.5, x'00FF')",
            .integer(Int64(id)), .text(text))
        }
      }
      // Incompressible: the journal goes on in its next segment.
      for id in 200..<204 {
        let bytes = SeededBytes.make(20_000, seed: UInt64(id))
        try await engine.write {
          try $0.file(.messages).run(
            "INSERT INTO messages (id, body, raw) VALUES (?, '', ?)", .integer(Int64(id)),
            .blob(bytes))
        }
      }
      try await engine.write { try $0.file(.messages).run("DELETE FROM messages WHERE id = 101") }
      try await engine.engine.beginMove(
        Self.tenants[1], to: CellID(trusted: "c2"), under: Epoch(4))
      try await engine.engine.burnMove(Self.tenants[1], under: Epoch(4))
      let facts = try await facts(engine)
      await engine.close()
      try FileManager.default.createDirectory(
        atPath: directory + "/journal", withIntermediateDirectories: true)
      // The table of heads is made again; a lock is nobody's.
      for name in try FileManager.default.contentsOfDirectory(atPath: place + "/journal")
      where name.hasSuffix(".journal") {
        try FileManager.default.copyItem(
          atPath: "\(place)/journal/\(name)", toPath: "\(directory)/journal/\(name)")
      }
      try ([try journal(place)] + facts + [""]).joined(separator: "\n").write(
        toFile: directory + "/journal.txt", atomically: true, encoding: .utf8)
    }
  }
}

/// Bytes that no compression makes shorter.
private enum SeededBytes {
  static func make(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }
}
