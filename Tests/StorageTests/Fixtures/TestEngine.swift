import Platform
import Simulation
import StorageFixtures
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
      $0.groupBytes = 256 * 1_024
      $0.segmentBytes = 4 * 1_024 * 1_024
      $0.reserveBytes = 0
    }
    // Which commands share a batch must not hang on how busy the machine is.
    configuration.batchTime = .seconds(60)
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

  func pay(_ id: Int64, _ tenant: TenantID = TestEngine.tenant) async throws(Failure) {
    try await write(tenant) { try TestSchema.pay($0, id) }
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

/// The code of the failure that `body` throws; nil where it throws none.
func refusal(_ body: () async throws(Failure) -> Void) async -> FailureCode? {
  do throws(Failure) {
    try await body()
    return nil
  } catch {
    return error.code
  }
}
