import Logging
import Messaging
import Platform
import Storage
import Synchronization
import Wire

/// What moves work with.
///
/// Made once, by the cell node and by tests.
final class MoveEnvironment: Sendable {
  let cell: CellID
  let engine: StorageEngine
  let directives: Directives
  let rates: TravellingRates
  let sessions: Sessions
  let messenger: any Messenger
  let files: any FileSystem
  let dataDirectory: String
  let clock: any WallClock
  /// Where this cell answers.
  let address: @Sendable () -> String
  /// Says that a tenant may have something to send.
  let wake: @Sendable (TenantID) -> Void
  let room: MoveRoom
  /// A follower of this cell that the tenant's records would wait for now.
  let lateFollower: @Sendable (TenantID) async -> String?
  let problems = MoveProblems()
  let log: Logger
  /// Where the control plane says that targets answer now; a promotion moves them.
  private let addresses = Mutex<[TenantID: String]>([:])

  init(
    cell: CellID, engine: StorageEngine, directives: Directives, rates: TravellingRates,
    sessions: Sessions, messenger: any Messenger, files: any FileSystem, dataDirectory: String,
    clock: any WallClock, address: @escaping @Sendable () -> String,
    wake: @escaping @Sendable (TenantID) -> Void, room: MoveRoom,
    lateFollower: @escaping @Sendable (TenantID) async -> String?, log: Logger
  ) {
    self.cell = cell
    self.engine = engine
    self.directives = directives
    self.rates = rates
    self.sessions = sessions
    self.messenger = messenger
    self.files = files
    self.dataDirectory = dataDirectory
    self.clock = clock
    self.address = address
    self.wake = wake
    self.room = room
    self.lateFollower = lateFollower
    self.log = log
  }

  var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  func peer(at address: String) -> MovePeer {
    MovePeer(peer: messenger.peer(at: Address(address)))
  }

  /// Bytes of a tenant's files, without its media: as many as its snapshot has, or more where pages
  /// that wait in a log replace others.
  func size(of tenant: TenantID) async throws -> UInt64 {
    let files = files
    let place = TenantDirectory.of(tenant, in: dataDirectory)
    return try await Blocking.run("move") {
      guard try files.exists(place) else { return 0 }
      var bytes: UInt64 = 0
      for name in try files.list(place)
      where name.hasSuffix(".sqlite") || name.hasSuffix(".sqlite-wal") {
        let file = try files.open("\(place)/\(name)", .read)
        defer { file.close() }
        bytes += try file.length()
      }
      return bytes
    }.get()
  }

  // Where the other cell answers, also after a restart.

  private static let fact = "move-peer/"

  func remember(_ tenant: TenantID, at address: String) async throws(Failure) {
    try await directives.setFact(Self.fact + tenant.rawValue, Array(address.utf8))
  }

  func remembered(_ tenant: TenantID) async -> MovePeer? {
    if let address = addresses.withLock({ $0[tenant] }) { return peer(at: address) }
    guard let bytes = try? await directives.fact(Self.fact + tenant.rawValue) else { return nil }
    return peer(at: String(decoding: bytes, as: UTF8.self))
  }

  /// The control plane's order names the target's address: newer than what was remembered.
  func heard(_ tenant: TenantID, at address: String) {
    addresses.withLock { $0[tenant] = address }
  }

  func forgetAddress(_ tenant: TenantID) {
    addresses.withLock { _ = $0.removeValue(forKey: tenant) }
  }

  /// The tenant is handed over: what was heard last is remembered, for outcomes that come late.
  func settled(_ tenant: TenantID) async {
    guard let address = addresses.withLock({ $0[tenant] }) else { return }
    try? await remember(tenant, at: address)
  }

  // A tenant that leaves or comes.

  /// Waits until no call to Graph is under way; answers how many still are after the limit.
  func quiesce(_ tenant: TenantID) async -> Int {
    let end = ContinuousClock.now + MoveLimits.quiesce
    while true {
      let open = await openIntents(tenant)
      if open == 0 || ContinuousClock.now >= end { return open }
      try? await Task.sleep(for: MoveLimits.quiesceLook)
    }
  }

  private func openIntents(_ tenant: TenantID) async -> Int {
    let found = try? await engine.read(tenant, [.messages]) { snapshot in
      try MessageQueueStore(snapshot.file(.messages)).intents(limit: 1_000).count
    }
    return found ?? 0
  }

  /// The tenant is another cell's: what was remembered of it here may be wrong when it comes back.
  func left(_ tenant: TenantID) {
    rates.forget(tenant)
    sessions.forget(tenant)
  }

  func arrived(_ tenant: TenantID, _ release: Aimstors_ProtoMoveRelease) {
    rates.take(release, of: tenant)
    sessions.forget(tenant)
    problems.resolve(tenant)
    wake(tenant)
  }
}

/// Tenants that were released and are not adopted, with why.
final class MoveProblems: Sendable {
  private let found = Mutex<[TenantID: Storage.Problem]>([:])

  func add(_ tenant: TenantID, to target: CellID?, _ failure: Failure, at now: Timestamp) {
    found.withLock { found in
      let detail =
        "released to \(target?.rawValue ?? "another cell"), which answers "
        + "\(failure.code.rawValue): \(failure.detail)"
      found[tenant] = .moveStuck(tenant, detail: detail, since: found[tenant]?.since ?? now)
    }
  }

  func resolve(_ tenant: TenantID) { found.withLock { _ = $0.removeValue(forKey: tenant) } }

  var all: [Storage.Problem] { found.withLock { Array($0.values) } }
}
