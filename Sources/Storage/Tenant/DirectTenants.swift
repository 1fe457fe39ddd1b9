import Platform
import Synchronization
import Wire

/// A ``TenantStore`` over direct files in memory, one lock around all: for tests of a context.
///
/// No journal and no durability; transactions, savepoints, idempotency and refusals as the engine
/// answers them.
public final class DirectTenants: TenantStore {
  private struct State {
    var stores: [TenantID: DirectStore] = [:]
    var answers: [String: (hash: [UInt8], answer: StoredAnswer)] = [:]
  }
  private struct Box: @unchecked Sendable { var state = State() }

  private let schema: StoreSchema
  private let clock: any WallClock
  private let random: any RandomSource
  private let box = Mutex(Box())

  public init(schema: StoreSchema, clock: any WallClock, random: any RandomSource) {
    self.schema = schema
    self.clock = clock
    self.random = random
  }

  public func create(_ tenant: TenantID) throws {
    let store = try DirectStore(tenant: tenant, schema: schema, directory: nil, random: random)
    box.withLock { $0.state.stores[tenant] = store }
  }

  public func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    try run(tenant) { state, store in try store.write(at: self.now, body) }
  }

  public func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    let scope = "\(tenant)/\(claim.principal)/\(claim.key)"
    return try run(tenant) { state, store in
      if let stored = state.answers[scope] {
        guard stored.hash == claim.payloadHash else {
          throw Failure(.idempotencyConflict, "this key was used with another payload")
        }
        return stored.answer
      }
      let answer = try store.write(at: self.now, body)
      state.answers[scope] = (claim.payloadHash, answer)
      return answer
    }
  }

  public func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    try run(tenant) { state, store in
      let connections = Dictionary(uniqueKeysWithValues: files.map { ($0, store.reading($0)) })
      return try body(Snapshot(tenant: tenant, now: self.now, connections: connections))
    }
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  private func run<T: Sendable>(
    _ tenant: TenantID, _ body: (inout State, DirectStore) throws -> T
  ) throws(Failure) -> T {
    let result = box.withLock { box -> Result<T, Failure> in
      guard let store = box.state.stores[tenant] else {
        return .failure(Failure(.notFound, "no such tenant"))
      }
      do {
        return .success(try body(&box.state, store))
      } catch let failure as Failure {
        return .failure(failure)
      } catch {
        return .failure(Failure(.internalError, "\(error)"))
      }
    }
    return try result.get()
  }
}
