import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

/// Whatever is wrong with an archive: it is named, and no tenant looks healthy that is not.
@Suite struct BadArchiveTests {
  private let tenant = ArchiveFixture.tenant

  private func withArchived<T>(
    _ body: (ArchiveFixture, FaultyStore) async throws -> T
  ) async throws -> T {
    let store = FaultyStore()
    return try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...5)
      _ = try await fixture.service.snapshot(tenant)
      try await fixture.pay(6...9)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      return try await body(fixture, store)
    }
  }

  @Test func `every object, cut, changed, gone or swapped, is noticed or not needed`() async throws
  {
    try await withArchived { fixture, store in
      let good = try await fixture.restore(.latest)
      for name in store.names {
        var kept: [UInt8] = []
        let others = store.names.filter { $0 != name }
        let damages: [(inout [String: [UInt8]]) -> Void] = [
          { $0[name] = Array(kept.dropLast()) }, { $0[name] = nil },
          { $0[name]?[kept.count / 2] ^= 1 }, { $0[name] = $0[others[0]] },
        ]
        store.edit { kept = $0[name] ?? [] }
        for (index, damage) in damages.enumerated() {
          store.edit(damage)
          do {
            let restored = try await fixture.restore(.latest, as: "damaged")
            // Without one of the last objects a restore ends earlier; what it gives is whole.
            #expect(restored.position.tenantSeq <= good.position.tenantSeq, "\(name) \(index)")
            if restored.position == good.position { #expect(restored.files == good.files) }
            try FileTree.remove("\(fixture.directory)/damaged", LiveFileSystem())
          } catch {
            #expect(
              error is ArchiveError || error is RebuildError || error is StorageError,
              "\(name) \(index): \(error)")
            #expect(try !LiveFileSystem().exists("\(fixture.directory)/damaged"))
          }
          store.edit { $0[name] = kept }
        }
      }
    }
  }

  @Test func `a wrong key and another deployment's archive are named`() async throws {
    try await withArchived { fixture, store in
      let random = SeededRandomSource(seed: 5)
      let wrong = Archive(objects: store, key: try ArchiveFixture.key(8), random: random)
      #expect(
        await code { () throws(ArchiveError) in
          _ = try await wrong.journal(ArchiveFixture.cell)
        } == "archive_key_wrong")
      let other = Archive(
        objects: store,
        key: try ArchiveFixture.key(
          7, deployment: "ff" + ArchiveFixture.deployment.dropFirst(2)), random: random)
      #expect(
        await code { () throws(ArchiveError) in
          _ = try await other.snapshots(tenant)
        } == "archive_of_another_deployment")
    }
  }

  @Test func `a snapshot without its manifest never was`() async throws {
    try await withArchived { fixture, store in
      store.edit { objects in
        for name in objects.keys where name.hasSuffix("/manifest") { objects[name] = nil }
      }
      let restored = try await fixture.restore(.latest)
      #expect(restored.snapshot == "")
      #expect(restored.position.tenantSeq == TenantSeq(10))
    }
  }
}
