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
    var answers: [String: Kept] = [:]

    /// As the engine finds it in its file.
    func find(
      _ claim: IdempotencyClaim, of tenant: TenantID, now: Timestamp
    ) -> IdempotencyStore.Found {
      guard let kept = answers[Self.scope(claim, of: tenant)] else { return .nothing }
      guard kept.expires > now else { return .expired }
      return kept.hash == claim.payloadHash ? .answer(kept.answer) : .otherPayload
    }

    func finder(
      _ tenant: TenantID, now: Timestamp
    ) -> (IdempotencyClaim) -> IdempotencyStore.Found {
      { find($0, of: tenant, now: now) }
    }

    /// Whether another answer is kept where there are at most so many.
    func hasRoom(below bound: Int, now: Timestamp) -> Bool {
      answers.count < bound || answers.values.count { $0.expires > now } < bound
    }

    mutating func keep(
      _ answer: StoredAnswer, _ claim: IdempotencyClaim, of tenant: TenantID, now: Timestamp
    ) {
      answers[Self.scope(claim, of: tenant)] = Kept(
        hash: claim.payloadHash, answer: answer,
        expires: now.adding(seconds: claim.retentionSeconds))
    }

    private static func scope(_ claim: IdempotencyClaim, of tenant: TenantID) -> String {
      "\(tenant)/\(claim.principal)/\(claim.key)"
    }
  }
  private struct Kept {
    let hash: [UInt8]
    let answer: StoredAnswer
    let expires: Timestamp
  }
  private struct Box: @unchecked Sendable { var state = State() }

  private let schema: StoreSchema
  private let clock: any WallClock
  private let random: any RandomSource
  private let idempotencyKeys: Int
  private let box = Mutex(Box())

  /// - Parameter idempotencyKeys: How many are kept, of all tenants and files together.
  public init(
    schema: StoreSchema, clock: any WallClock, random: any RandomSource,
    idempotencyKeys: Int = .max
  ) {
    self.schema = schema
    self.clock = clock
    self.random = random
    self.idempotencyKeys = idempotencyKeys
  }

  public func create(_ tenant: TenantID) throws {
    let store = try DirectStore(tenant: tenant, schema: schema, directory: nil, random: random)
    box.withLock { $0.state.stores[tenant] = store }
  }

  public func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    try run(tenant) { state, store in
      let now = self.now
      return try store.write(at: now, state.finder(tenant, now: now), body)
    }
  }

  public func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    try run(tenant) { state, store in
      let now = self.now
      if let stored = try state.find(claim, of: tenant, now: now).stored() { return stored }
      let hasRoom = state.hasRoom(below: self.idempotencyKeys, now: now)
      let answer = try store.write(at: now, state.finder(tenant, now: now)) { transaction in
        let answer = try body(transaction)
        guard hasRoom || claim.mayGoUnkept else { throw IdempotencyStore.isFull }
        return answer
      }
      if hasRoom { state.keep(answer, claim, of: tenant, now: now) }
      return answer
    }
  }

  public func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    try run(tenant) { state, store in
      let connections = Dictionary(uniqueKeysWithValues: files.map { ($0, store.reading($0)) })
      let now = self.now
      return try body(
        Snapshot(
          tenant: tenant, now: now, connections: connections,
          find: state.finder(tenant, now: now)))
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
