import Storage
import Synchronization
import Wire

/// A store that counts what is asked of it.
final class CountingStore: TenantStore {
  private let base: any TenantStore
  private let state = Mutex((reads: 0, writes: 0))

  init(_ base: any TenantStore) { self.base = base }

  var reads: Int { state.withLock { $0.reads } }
  var writes: Int { state.withLock { $0.writes } }

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    state.withLock { $0.writes += 1 }
    return try await base.write(tenant, origin, body)
  }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    state.withLock { $0.writes += 1 }
    return try await base.perform(tenant, origin, claim, body)
  }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    state.withLock { $0.reads += 1 }
    return try await base.read(tenant, files, body)
  }
}
