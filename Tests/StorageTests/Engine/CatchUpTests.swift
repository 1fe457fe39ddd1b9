import Platform
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

/// A stalled tenant catches up beside a flusher that moves its records meanwhile.
@Suite("Catching up", .timeLimit(.minutes(10))) struct CatchUpTests {
  private let stalled = TestEngine.tenant
  private let other = TenantID(trusted: "t2")

  private func engine(_ directory: String, _ files: HookedFiles) async throws -> TestEngine {
    try await TestEngine(directory, files: files) {
      $0.replayBytes = 64 * 1_024
      // The test says when the flusher looks.
      $0.flushInterval = .seconds(3_600)
      $0.adjustJournal = {
        $0.segmentBytes = 64 * 1_024
        $0.groupBytes = 32 * 1_024
        $0.reserveBytes = 0
      }
    }
  }

  /// The copy is made, and the journal trimmed, right after the attempt has found no copy.
  @Test func `records that are copied out during an attempt are not passed over`() async throws {
    try await withTemporaryDirectory { directory in
      let files = HookedFiles()
      let first = try await engine(directory, files)
      for tenant in [stalled, other] { try await first.engine.create(tenant, epoch: .first) }
      for id in 1...3 { try await first.pay(Int64(id), stalled) }
      await first.close()
      removeTree("\(directory)/tenants/t1")
      files.refuse { $0.hasSuffix("tenants/t1") }
      let test = try await engine(directory, files)
      #expect(test.engine.problems.map(\.code) == ["tenant_stalled"])
      for id in 1...24 {
        try await test.write(other) { transaction in
          try transaction.file(.messages).run(
            "INSERT INTO messages (id, body, raw) VALUES (?, '', randomblob(8000))", .int(id))
        }
      }
      let writer = try test.engine.writer(stalled)
      let flusher = test.engine.flusher(writer.context)
      let journal = writer.context.journal
      let oldest = try #require(journal.segmentStarts.first)
      files.refuse { _ in false }
      let copy = "\(directory)/tenants/t1/\(StoppedRecords.name)"
      files.once(afterAsking: copy) {
        // Twice: the first look may find the other tenant pinning.
        for _ in 0..<2 { flusher.look() }
      }
      while writer.problem != nil {
        _ = writer.attempt()
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(try #require(journal.segmentStarts.first) > oldest, "the journal was trimmed")
      #expect(try files.exists(copy))
      #expect(try await test.counts(stalled) == [3, 3])
      try await test.pay(4, stalled)
      let digest = try await test.engine.digest(stalled, recompute: true)
      await test.close()
      let again = try await engine(directory, files)
      #expect(try await again.counts(stalled) == [4, 4])
      #expect(try await again.engine.digest(stalled, recompute: true) == digest)
      await again.close()
    }
  }
}

/// The machine's files, with directories that cannot be made and something that happens right after
/// a question.
final class HookedFiles: LiveFiles {
  private struct State {
    var refuses: @Sendable (String) -> Bool = { _ in false }
    var hook: (path: String, body: @Sendable () -> Void)?
  }
  let live = LiveFileSystem()
  private let state = Mutex(State())

  func refuse(_ isRefused: @escaping @Sendable (String) -> Bool) {
    state.withLock { $0.refuses = isRefused }
  }

  func once(afterAsking path: String, _ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.hook = (path, body) }
  }

  func createDirectory(_ path: String) throws(FileError) {
    if state.withLock({ $0.refuses })(path) {
      throw FileError(.createDirectory, path, errno: SystemErrors.noSpace)
    }
    try live.createDirectory(path)
  }
  func exists(_ path: String) throws(FileError) -> Bool {
    let answer = try live.exists(path)
    let body = state.withLock { state -> (@Sendable () -> Void)? in
      guard let hook = state.hook, hook.path == path else { return nil }
      state.hook = nil
      return hook.body
    }
    body?()
    return answer
  }
}
