import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A tenant whose records crash a follower keeps nobody else's from being applied.
@Suite("A follower's quarantine", .timeLimit(.minutes(1))) struct QuarantinedFollowerTests {
  private let known = TestEngine.tenant
  private let neighbour = TenantID(trusted: "t2")
  private let unknown = TenantID(trusted: "t3")
  private let files = LiveFileSystem()

  private func follower(_ directory: String) async throws -> TestEngine {
    try await TestEngine(directory) {
      $0.isFollowing = true
      $0.quarantines = { _ in true }
    }
  }

  @Test func `its records are kept and not applied, until it is released`() async throws {
    try await withTemporaryDirectory { directory in
      let place = "\(directory)/f"
      let primary = try await TestEngine("\(directory)/p")
      for tenant in [known, neighbour] {
        try await primary.engine.create(tenant, epoch: .first)
        try await primary.pay(1, tenant)
      }
      let first = try await follower(place)
      try await first.follow(primary)
      await first.close()
      let before = try AppliedSeqs.read(dataDirectory: place, files: files)

      let crashes = CrashFile(directory: place, files: files)
      try crashes.quarantine([known, unknown])
      let second = try await follower(place)
      // One of them comes to the cell only now.
      try await primary.engine.create(unknown, epoch: .first)
      try await primary.pay(1, unknown)
      for tenant in [known, neighbour] { try await primary.pay(2, tenant) }
      try await second.follow(primary)
      #expect(second.engine.problems.map(\.code) == ["tenant_quarantined", "tenant_quarantined"])
      let refused = await refusal { () async throws(Failure) in
        try second.engine.prepareFollowed(unknown, under: Epoch(2))
      }
      #expect(refused == .tenantStopped)
      // Also of one without files, which has nothing that it could answer from.
      let unanswered = await refusal { () async throws(Failure) in
        _ = try await second.engine.digest(unknown, recompute: false)
      }
      #expect(unanswered == .tenantStopped)
      #expect(try await second.counts(neighbour) == [2, 2])
      await second.close()
      let kept = try AppliedSeqs.read(dataDirectory: place, files: files)
      #expect(kept[known] == before[known] && kept[unknown] == nil)

      for tenant in [known, unknown] { #expect(try crashes.release(tenant)) }
      let third = try await follower(place)
      #expect(third.engine.problems.isEmpty)
      #expect(try await third.counts(known) == [2, 2])
      #expect(try await third.counts(unknown) == [1, 1])
      await third.close()
      await primary.close()
    }
  }
}
