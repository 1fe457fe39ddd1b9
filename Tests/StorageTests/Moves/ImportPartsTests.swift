import Platform
import Synchronization
import Testing
import Wire

@testable import Storage

/// What is left of a copy that came to nothing.
@Suite struct ImportPartsTests {
  private static let tenant = EngineMoveTests.tenant
  private let files = LiveFileSystem()

  private func part(_ name: String, under epoch: UInt64) -> Aimstors_ProtoMoveFile {
    var message = Aimstors_ProtoMoveFile()
    message.tenant = Self.tenant.rawValue
    message.epoch = epoch
    message.name = name
    message.content = .init([1, 2, 3])
    return message
  }

  @Test func `a copy that was given up unheard goes when the tenant comes again`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await EngineMoveTests.Pair(directory)
      let engine = pair.b.engine
      let parts = ImportParts(engine)
      let other = TenantID(trusted: "t9")
      for (tenant, epoch) in [(Self.tenant, Epoch(2)), (other, Epoch(2)), (Self.tenant, Epoch(4))] {
        try engine.prepareImport(tenant, under: epoch)
        parts.begin(tenant, epoch)
        if epoch == Epoch(2), tenant == Self.tenant {
          try await parts.take(part("ledger.sqlite", under: 2))
        }
      }
      #expect(try !files.exists(engine.importDirectory(Self.tenant, under: Epoch(2))))
      #expect(try files.exists(engine.importDirectory(Self.tenant, under: Epoch(4))))
      #expect(try files.exists(engine.importDirectory(other, under: Epoch(2))))
      await pair.close()
    }
  }

  @Test func `a part that comes late does not bring its directory back`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await EngineMoveTests.Pair(directory)
      let engine = pair.b.engine
      let parts = ImportParts(engine)
      try engine.prepareImport(Self.tenant, under: Epoch(2))
      parts.begin(Self.tenant, Epoch(2))
      let place = engine.importDirectory(Self.tenant, under: Epoch(2))
      try FileTree.remove(place, files)
      let object = "media/" + String(repeating: "ab", count: 32)
      for name in ["ledger.sqlite", object] {
        do throws(Failure) {
          try await parts.take(part(name, under: 2))
          Issue.record("\(name) was taken")
        } catch { #expect(error.code == .notFound) }
      }
      #expect(try !files.exists(place))
      await pair.close()
    }
  }

  private func end(
    _ parts: ImportParts, _ epoch: UInt64,
    _ body: @escaping @Sendable () async throws(Failure) -> Void
  ) async -> FailureCode? {
    do throws(Failure) {
      try await parts.conclude(Self.tenant, Epoch(epoch), body)
      return nil
    } catch { return error.code }
  }

  /// Two checks of the same files would be in each other's way, and have two ends.
  @Test func `a copy ends once, however often its end is asked for`() async throws {
    try await withTemporaryDirectory { directory in
      let pair = try await EngineMoveTests.Pair(directory)
      let parts = ImportParts(pair.b.engine)
      parts.begin(Self.tenant, Epoch(2))
      let runs = Atomic(0)
      let (gate, open) = AsyncStream.makeStream(of: Void.self)
      let body: @Sendable () async throws(Failure) -> Void = { () async throws(Failure) in
        runs.wrappingAdd(1, ordering: .relaxed)
        for await _ in gate {}
        throw Failure(.verificationFailed, "the files are not whole")
      }
      async let one = end(parts, 2, body)
      async let two = end(parts, 2, body)
      open.finish()
      #expect(await [one, two] == [.verificationFailed, .verificationFailed])
      #expect(await end(parts, 2, body) == .verificationFailed)
      #expect(await end(parts, 3, body) == .notFound)
      #expect(runs.load(ordering: .relaxed) == 1)
      // Another copy has an end of its own.
      parts.begin(Self.tenant, Epoch(4))
      #expect(await end(parts, 4) { () async throws(Failure) in } == nil)
      parts.forget(Self.tenant)
      #expect(await end(parts, 4, body) == .notFound)
      await pair.close()
    }
  }
}
