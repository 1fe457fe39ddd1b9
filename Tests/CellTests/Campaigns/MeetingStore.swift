import Storage
import Synchronization
import Wire

/// A store at which requests that read messages wait for each other, and which may be away in the
/// middle of an effect.
final class MeetingStore: TenantStore {
  private struct State {
    var expected = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    var isCutOff = false
  }
  private let store: any TenantStore
  private let state = Mutex(State())

  init(_ store: any TenantStore) { self.store = store }

  /// The next so many reads of messages are answered together.
  func meet(_ requests: Int) { state.withLock { $0.expected = requests } }

  /// Commands without a key of their own, which are those in the middle, are not answered.
  func cutOff(_ isCutOff: Bool) { state.withLock { $0.isCutOff = isCutOff } }

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    if state.withLock({ $0.isCutOff }) { throw Failure(.outcomeUnknown, "cut off") }
    return try await store.write(tenant, origin, body)
  }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    try await store.perform(tenant, origin, claim, body)
  }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    let result = try await store.read(tenant, files, body)
    if files == [.messages] { await meeting() }
    return result
  }

  private func meeting() async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let together = state.withLock { state -> [CheckedContinuation<Void, Never>] in
        guard state.expected > 0 else { return [continuation] }
        state.waiting.append(continuation)
        guard state.waiting.count == state.expected else { return [] }
        let together = state.waiting
        state.waiting = []
        state.expected = 0
        return together
      }
      for one in together { one.resume() }
    }
  }
}
