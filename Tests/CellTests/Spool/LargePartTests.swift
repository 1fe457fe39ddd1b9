import Foundation
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// On the real engine: it is its records that are limited.
@Suite("Large parts in the spool") struct LargePartTests {
  private let clock = SimulatedWallClock()

  private func withSpool(_ body: (Spool) async throws -> Void) async throws {
    try await withRealEngine(CellStoreSchema.schema, tenant: .cellStore, clock: clock) { engine in
      try await body(Spool(store: engine))
    }
  }

  private func part(_ bytes: Int, at: Int64 = 5) -> Aimstors_ProtoSpoolPart {
    var change = Aimstors_ProtoWebhookChange()
    change.phoneNumberID = "106"
    change.value = Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    var part = Aimstors_ProtoSpoolPart()
    part.reason = "number_unknown"
    part.metaApp = "default"
    part.receivedAtMs = at
    part.part.receivedAtMs = at
    part.part.changes = [change]
    return part
  }

  private func page(_ spool: Spool) async throws -> [Aimstors_ProtoSpoolEntry] {
    var query = Aimstors_ProtoSpoolQuery()
    query.limit = 10
    return try await spool.page(query).entries
  }

  private func chunks(_ spool: Spool, _ sha256: [UInt8]) async throws -> Int {
    try await spool.store.read(.cellStore, [.spool]) { try SpoolStore($0).chunks(sha256).count }
  }

  @Test(arguments: [999_000, 1_000_000, 2_100_000, 3 << 20])
  func `a part of any size that a webhook has is stored whole, once, and removed whole`(
    bytes: Int
  ) async throws {
    try await withSpool { spool in
      let first = try await spool.accept(part(bytes), trace: "")
      // Another delivery of the same part, later.
      #expect(try await spool.accept(part(bytes, at: 9), trace: "") == first)
      let entries = try await page(spool)
      #expect(entries.map(\.part) == [part(bytes)])
      let sha256 = Array(try #require(entries.first).sha256)
      var remove = Aimstors_ProtoSpoolRemove()
      remove.ids = [first]
      try await spool.remove(remove, trace: "")
      #expect(try await spool.count() == 0)
      #expect(try await chunks(spool, sha256) == 0)
    }
  }

  @Test func `a page ends by its bytes and goes on behind`() async throws {
    try await withSpool { spool in
      for bytes in [1_500_000, 1_400_000, 10] { _ = try await spool.accept(part(bytes), trace: "") }
      #expect(try await page(spool).map(\.part.part.changes[0].value.count) == [1_500_000])
    }
  }

  @Test func `chunks without their end are no part, and go after a day`() async throws {
    try await withSpool { spool in
      let (sha256, now) = ([UInt8](repeating: 7, count: 32), clock.milliseconds())
      try await spool.store.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
        try SpoolStore($0).insertChunk(
          sha256, 0, [1, 2, 3], at: Timestamp(milliseconds: now))
      }
      #expect(try await spool.count() == 0)
      #expect(try await page(spool).isEmpty)
      clock.advance(milliseconds: 86_000_000)
      _ = try await spool.accept(part(1_100_000), trace: "")
      #expect(try await chunks(spool, sha256) == 3)
      clock.advance(milliseconds: 1_000_000)
      _ = try await spool.accept(part(1_200_000), trace: "")
      #expect(try await chunks(spool, sha256) == 0)
      #expect(try await spool.count() == 2)
    }
  }

  @Test func `chunks that do not fit their hash are stored anew`() async throws {
    try await withSpool { spool in
      let id = try await spool.accept(part(2_100_000), trace: "")
      let sha256 = Array(try #require(try await page(spool).first).sha256)
      var remove = Aimstors_ProtoSpoolRemove()
      remove.ids = [id]
      try await spool.remove(remove, trace: "")
      try await spool.store.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
        try SpoolStore($0).insertChunk(sha256, 0, [1, 2, 3], at: $0.now)
      }
      _ = try await spool.accept(part(2_100_000), trace: "")
      #expect(try await page(spool).map(\.part) == [part(2_100_000)])
    }
  }
}
