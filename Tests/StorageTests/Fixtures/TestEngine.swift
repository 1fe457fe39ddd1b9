import Platform
import Simulation
import Synchronization
import Wire

@testable import Storage

/// An engine on a directory of its own, with clocks that stand still.
final class TestEngine: Sendable {
  let engine: StorageEngine
  let clock: SimulatedWallClock
  let due = Events<TenantID>()
  let fatal = Events<JournalFatality>()
  let report: RecoveryReport

  static let tenant = TenantID(trusted: "t1")

  init(
    _ directory: String, clock: SimulatedWallClock = SimulatedWallClock(),
    files: any FileSystem = LiveFileSystem(), schema: StoreSchema = TestSchema.store(),
    seed: UInt64 = 1, _ adjust: (inout EngineConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = EngineConfiguration(directory: directory, cell: CellID(trusted: "c1"))
    configuration.adjustJournal = {
      $0.segmentBytes = 32 * 1_024 * 1_024
      $0.reserveBytes = 0
    }
    adjust(&configuration)
    self.clock = clock
    engine = StorageEngine(
      configuration, clock: clock, random: SeededRandomSource(seed: seed), files: files,
      schema: { _ in schema }, due: { [due] in due.add($0) }, fatal: { [fatal] in fatal.add($0) })
    report = try await engine.start()
  }

  @discardableResult
  func write<T: Sendable>(
    _ tenant: TenantID = TestEngine.tenant, deadline: ContinuousClock.Instant? = nil,
    bytes: Int = 512, _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    let origin = CommandOrigin(
      requestID: "r", traceID: "trace", deadline: deadline, bytes: bytes)
    return try await engine.write(tenant, origin, body)
  }

  /// The bench's command: a debit, and a message; one file each.
  func pay(_ id: Int64, _ tenant: TenantID = TestEngine.tenant) async throws(Failure) {
    try await write(tenant) { try Self.pay($0, id) }
  }

  static func pay(_ transaction: Transaction, _ id: Int64) throws {
    let ledger = try transaction.file(.ledger)
    try ledger.run("INSERT INTO accounts (id, balance) VALUES (1, 1000000) ON CONFLICT DO NOTHING")
    try ledger.run("UPDATE accounts SET balance = balance - 1 WHERE id = 1")
    try ledger.run(
      "INSERT INTO entries (id, account, amount) VALUES (?, 1, -1)", .integer(id))
    try transaction.file(.messages).run(
      "INSERT INTO messages (id, body) VALUES (?, 'hello')", .integer(id))
  }

  /// Entries and messages, as of one moment.
  func counts(_ tenant: TenantID = TestEngine.tenant) async throws(Failure) -> [Int] {
    try await engine.read(tenant, [.ledger, .messages]) { snapshot in
      [
        try snapshot.file(.ledger).first("SELECT count(*) FROM entries") { $0.int(0) } ?? 0,
        try snapshot.file(.messages).first("SELECT count(*) FROM messages") { $0.int(0) } ?? 0,
      ]
    }
  }

  func close() async { await engine.close() }
}

/// Things that happened, for tests to wait for.
final class Events<Element: Sendable>: Sendable {
  private let state = Mutex<(seen: [Element], waiting: [(Int, CheckedContinuation<Void, Never>)])>(
    ([], []))

  var all: [Element] { state.withLock { $0.seen } }

  func add(_ element: Element) {
    let ready = state.withLock { state in
      state.seen.append(element)
      let ready = state.waiting.filter { $0.0 <= state.seen.count }
      state.waiting.removeAll { $0.0 <= state.seen.count }
      return ready
    }
    for (_, continuation) in ready { continuation.resume() }
  }

  /// Waits until `count` have been seen.
  func wait(for count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.seen.count >= count { return true }
        state.waiting.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}

/// Holds a writer thread inside a command until it is opened.
final class Gate: Sendable {
  private let isOpen = Monitor(false)
  let entered = Events<Void>()

  func pass() {
    entered.add(())
    isOpen.wait { $0 ? () : nil }
  }

  func open() {
    isOpen.withLock { $0 = true }
    isOpen.broadcast()
  }
}

/// Tenants' files on the machine's disk, the journal's on a simulated one that can fail.
struct MixedFileSystem: FileSystem {
  let live = LiveFileSystem()
  let simulated: any FileSystem

  private func choose(_ path: String) -> any FileSystem {
    path.contains("/journal") ? simulated : live
  }

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    try choose(path).open(path, mode)
  }
  func createDirectory(_ path: String) throws(FileError) { try choose(path).createDirectory(path) }
  func list(_ directory: String) throws(FileError) -> [String] {
    try choose(directory).list(directory)
  }
  func exists(_ path: String) throws(FileError) -> Bool { try choose(path).exists(path) }
  func rename(_ source: String, to target: String) throws(FileError) {
    try choose(source).rename(source, to: target)
  }
  func remove(_ path: String) throws(FileError) { try choose(path).remove(path) }
  func synchronizeDirectory(_ path: String) throws(FileError) {
    try choose(path).synchronizeDirectory(path)
  }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try choose(path).freeBytes(path) }
  func lock(_ path: String) throws(FileError) -> any FileLock { try choose(path).lock(path) }
}

/// The code of the failure that `body` throws; nil where it throws none.
func refusal(_ body: () async throws(Failure) -> Void) async -> FailureCode? {
  do throws(Failure) {
    try await body()
    return nil
  } catch {
    return error.code
  }
}
