import Cryptography
import Logging
import Storage
import Synchronization
import Wire

/// Seals every tenant's secrets anew once the key file has a newer key, while all of them are
/// served: what is sealed with an older key opens until it leaves the file.
final class Resealing: Sendable {
  /// The key that everything was sealed with when this cell looked through all tenants last.
  static let doneFact = "resealed-with"

  private let store: any TenantStore
  private let sealer: Sealer
  private let directives: Directives
  private let logger: Logger
  private let tenants: @Sendable () -> [TenantID]
  private let state = Mutex(Standing())
  /// Which tenants are left for a key; those that could not be done are tried again alone.
  private let waiting = Mutex((key: [UInt8](), tenants: [TenantID]()))

  /// How far it is.
  struct Standing: Hashable, Sendable {
    /// Tenants that were not looked through yet, or could not be.
    var left = 0
    /// Values sealed anew by this process.
    var resealed: Int64 = 0
  }

  init(
    store: any TenantStore, sealer: Sealer, directives: Directives, logger: Logger,
    tenants: @escaping @Sendable () -> [TenantID]
  ) {
    self.store = store
    self.sealer = sealer
    self.directives = directives
    self.logger = logger
    self.tenants = tenants
  }

  var standing: Standing { state.withLock { $0 } }

  func run() async {
    while !Task.isCancelled {
      await round()
      do { try await Task.sleep(for: CellLimits.resealInterval) } catch { return }
    }
  }

  /// Looks through all tenants where the newest key is not the one of the last time.
  func round() async {
    let wanted = sealer.currentIdentifier
    guard let done = try? await directives.fact(Self.doneFact), done == wanted else {
      return await goThrough(wanted)
    }
  }

  private func goThrough(_ wanted: [UInt8]) async {
    var left = waiting.withLock { $0.key == wanted ? $0.tenants : tenants() }
    state.withLock { $0.left = left.count }
    var failed: [TenantID] = []
    while let tenant = left.popLast() {
      if Task.isCancelled { return }
      if await !reseal(tenant) { failed.append(tenant) }
      state.withLock { $0.left = left.count + failed.count }
      try? await Task.sleep(for: CellLimits.resealPause)
    }
    waiting.withLock { $0 = (wanted, failed) }
    guard failed.isEmpty, sealer.currentIdentifier == wanted else { return }
    do throws(Failure) {
      try await directives.setFact(Self.doneFact, wanted)
      logger.notice(
        "all secrets are sealed with the newest key",
        metadata: ["key": "\(wanted.hexText)", "resealed": "\(standing.resealed)"])
    } catch {
      logger.warning("sealing anew is not noted", metadata: ["reason": "\(error)"])
    }
  }

  /// False where the tenant could not be looked through now.
  private func reseal(_ tenant: TenantID) async -> Bool {
    let sealer = sealer
    do throws(Failure) {
      let isOld = try await store.read(tenant, [.sessions, .messages]) { snapshot in
        try ResealStore(snapshot).entries().contains { !sealer.isCurrent($0) }
      }
      guard isOld else { return true }
      let count = try await store.write(
        tenant, CommandOrigin(requestID: "reseal", traceID: "")
      ) { tx in try Self.reseal(tx, sealer) }
      state.withLock { $0.resealed += count }
      return true
    } catch {
      logger.warning(
        "a tenant's secrets are not sealed anew",
        metadata: ["tenant": "\(tenant)", "code": "\(error.code.rawValue)"])
      return false
    }
  }

  /// Seals what is not sealed as a new value would be; answers how much that was.
  ///
  /// - Parameter source: The tenant whose files were copied to make this one.
  @discardableResult
  static func reseal(
    _ tx: Transaction, _ sealer: Sealer, from source: TenantID? = nil
  ) throws -> Int64 {
    let rows = try ResealStore(tx)
    var count: Int64 = 0
    let owners = Dictionary(
      try rows.entries().map { ($0.place, $0.owner) }, uniquingKeysWith: { first, _ in first })
    for entry in try rows.entries(sealedFor: source)
    where source != nil || !sealer.isCurrent(entry) {
      let plain = try sealer.open(entry.sealed, owner: entry.owner, or: entry.earlierOwner)
      let sealed = sealer.seal(
        plain, owner: owners[entry.place] ?? entry.owner,
        nonce: tx.randomBytes(Sealer.nonceBytes))
      try rows.put(sealed, at: entry.place)
      count += 1
    }
    return count
  }
}

extension Sealer {
  /// Whether an entry is sealed with the newest key and under its present name.
  fileprivate func isCurrent(_ entry: ResealStore.Entry) -> Bool {
    guard isCurrent(entry.sealed) else { return false }
    return entry.owner == entry.earlierOwner
      || (try? open(entry.sealed, owner: entry.owner)) != nil
  }
}
