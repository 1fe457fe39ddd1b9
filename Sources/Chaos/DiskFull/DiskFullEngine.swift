import Foundation
import Platform
import Simulation
import Storage
import StorageFixtures
import Synchronization
import Wire

/// The engine of ``DiskFullMode``, on the small file system itself.
public struct DiskFullEngine: Sendable {
  static let operations = 150
  static let leastAcknowledged = 100
  static let callers = 8
  static let patienceSeconds = 30
  /// Every answer a full disk may give; each is to be repeated under the same key.
  static let expected: Set<FailureCode> = [
    .diskFull, .outcomeUnknown, .overloaded, .recovering, .shuttingDown,
  ]
  /// Problems of a tenant that is not served.
  static let halts = ["tenant_stalled", "tenant_stopped"]
  static let tenants = (1...3).map { TenantID(trusted: "t\($0)") }

  public let directory: String
  public let cycles: Int
  public let seed: UInt64
  let say: @Sendable (String) -> Void

  public init(
    directory: String, cycles: Int, seed: UInt64, say: @escaping @Sendable (String) -> Void
  ) {
    self.directory = directory
    self.cycles = cycles
    self.seed = seed
    self.say = say
  }

  public func run() async -> ChaosReport {
    var report = ChaosReport()
    let random = SeededRandomSource(seed: seed)
    for cycle in 0..<cycles {
      do { try await self.cycle(cycle, random, &report) } catch {
        report.complaints.append("cycle \(cycle + 1): \(error)")
      }
      guard report.isOK || report.cycles == 0, report.complaints.isEmpty else { break }
    }
    return report
  }

  private func cycle(
    _ cycle: Int, _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    let data = directory + "/cycle-\(cycle)"
    let ballast = directory + "/ballast"
    defer {
      try? FileManager.default.removeItem(atPath: data)
      try? FileManager.default.removeItem(atPath: ballast)
    }
    let tally = Tally()
    var engine = try await open(data)
    for tenant in Self.tenants { try await engine.create(tenant, epoch: .first) }
    // Some go through before, most find the disk full, and all do once it is free.
    let before = 20 + random.below(40)
    try await pay(0..<before, engine, tally, until: nil)
    let free = try LiveFileSystem().freeBytes(directory)
    let left = UInt64(random.below(24)) * 4_096
    try fill(ballast, bytes: free > left ? free - left : 0)
    say("cycle \(cycle + 1): the disk is full up to \(left) bytes after \(before) operations")
    let deadline = ContinuousClock.now + .milliseconds(600)
    try await pay(before..<Self.operations, engine, tally, until: deadline)
    let refusals = tally.refusals
    say("cycle \(cycle + 1): refused with \(refusals.map { "\($0.key) \($0.value)" }.sorted())")
    if refusals.isEmpty {
      report.complaints.append("cycle \(cycle + 1): the full disk refused nothing")
    } else {
      report.faultsHit["disk full", default: 0] += 1
    }
    for (code, count) in refusals { report.faultsHit["refused \(code)", default: 0] += count }
    for code in tally.unexpected.sorted() {
      report.complaints.append("cycle \(cycle + 1): a full disk was answered with \(code)")
    }
    let cut = engine.metrics.journal.cutRecords
    if cut > 0 { report.faultsHit["journal append refused", default: 0] += Int(cut) }
    try await judge(engine, tally, &report, isComplete: false)

    try FileManager.default.removeItem(atPath: ballast)
    try await pay(
      0..<Self.operations, engine, tally,
      until: .now + .seconds(Self.patienceSeconds))
    // Nobody waits for a restart, which the engine does not get yet.
    let halted = engine.problems.filter { Self.halts.contains($0.code) }
    if let problem = halted.first {
      report.complaints.append("cycle \(cycle + 1): the disk is freed: \(problem)")
    }
    try await judge(engine, tally, &report, isComplete: true)
    if tally.acknowledged.count < Self.leastAcknowledged {
      report.complaints.append(
        "cycle \(cycle + 1): only \(tally.acknowledged.count) acknowledged operations")
    }
    await engine.close()
    engine = try await open(data)
    try await judge(engine, tally, &report, isComplete: true)
    await engine.close()
    report.acked += tally.acknowledged.count
    report.cycles += 1
  }

  private func open(_ data: String) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: data, cell: CellID(trusted: "c1"))
    configuration.adjustJournal = {
      // A segment holds some thirty operations: the journal, too, asks the full disk for room.
      $0.groupBytes = 16 * 1_024
      $0.segmentBytes = 64 * 1_024
      $0.reserveSegmentBytes = 64 * 1_024
      $0.reserveBytes = 512 * 1_024
    }
    configuration.checkpointFrames = 40
    configuration.replayBytes = 64 * 1_024
    configuration.flushInterval = .milliseconds(20)
    let say = say
    let engine = StorageEngine(
      configuration, clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(),
      schema: { _ in TestSchema.store() },
      fatal: { reason in
        say("the engine wants its process to end: \(reason)")
        exit(70)
      })
    let report = try await engine.start()
    guard report.stopped.isEmpty, report.damage.isEmpty else {
      throw ChaosFailure("a start found damage: \(report)")
    }
    return engine
  }

  private func fill(_ path: String, bytes: UInt64) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else {
      throw ChaosFailure("no ballast can be written")
    }
    defer { try? file.close() }
    let piece = Data(repeating: 1, count: 4_096)
    for _ in 0..<bytes / 4_096 {
      do { try file.write(contentsOf: piece) } catch { return }
    }
  }

  /// What the clients were told.
  private final class Tally: Sendable {
    private let state = Mutex<(told: Set<Int>, refused: [String: Int], odd: Set<String>)>(
      ([], [:], []))
    var acknowledged: Set<Int> { state.withLock { $0.told } }
    var refusals: [String: Int] { state.withLock { $0.refused } }
    var unexpected: Set<String> { state.withLock { $0.odd } }

    func acknowledge(_ number: Int) { state.withLock { _ = $0.told.insert(number) } }
    func refuse(_ failure: Failure) {
      state.withLock { state in
        state.refused[failure.code.rawValue, default: 0] += 1
        if !DiskFullEngine.expected.contains(failure.code) {
          state.odd.insert("\(failure.code.rawValue): \(failure.detail)")
        }
      }
    }
  }

  /// Runs what is not acknowledged yet, each until it is or the time is up.
  private func pay(
    _ numbers: Range<Int>, _ engine: StorageEngine, _ tally: Tally,
    until deadline: ContinuousClock.Instant?
  ) async throws {
    let told = tally.acknowledged
    let todo = numbers.filter { !told.contains($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<Self.callers {
        group.addTask {
          for index in stride(from: caller, to: todo.count, by: Self.callers) {
            try await self.payOne(todo[index], engine, tally, deadline)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  private func payOne(
    _ number: Int, _ engine: StorageEngine, _ tally: Tally, _ deadline: ContinuousClock.Instant?
  ) async throws {
    let tenant = Self.tenants[number % Self.tenants.count]
    let answer = body(number)
    let claim = IdempotencyClaim(
      principal: "chaos", key: "op-\(number)", payloadHash: [UInt8](repeating: 7, count: 32),
      file: .ledger, retentionSeconds: IdempotencyClaim.dayRetention)
    repeat {
      do throws(Failure) {
        _ = try await engine.perform(
          tenant, CommandOrigin(requestID: "op-\(number)", traceID: ""), claim
        ) { transaction in
          try TestSchema.pay(transaction, Int64(number))
          return StoredAnswer(
            status: 200, contentType: "application/json",
            body: answer)
        }
        return tally.acknowledge(number)
      } catch {
        tally.refuse(error)
      }
      try await Task.sleep(for: .milliseconds(10))
    } while deadline.map { ContinuousClock.now < $0 } ?? true
  }

  /// An operation's answer, the same in every attempt: text that does not compress to nothing.
  private func body(_ number: Int) -> [UInt8] {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    let random = SeededRandomSource(seed: seed &+ UInt64(number))
    return (0..<2_000).map { _ in letters[random.below(letters.count)] }
  }

  /// Compares what was told with the files, and the files with their digests.
  ///
  /// Before everything `isComplete`, a tenant may wait for the disk and answer nothing.
  private func judge(
    _ engine: StorageEngine, _ tally: Tally, _ report: inout ChaosReport, isComplete: Bool
  ) async throws {
    for (index, tenant) in Self.tenants.enumerated() {
      let found: DiskFullStore.Found
      do {
        found = try await DiskFullStore.read(engine, tenant)
      } catch let failure as Failure where failure.code == .recovering && !isComplete {
        report.faultsHit["tenant stalled", default: 0] += 1
        continue
      }
      let told = tally.acknowledged.filter { $0 % Self.tenants.count == index }
      report.lost += told.count { !found.entries.contains(Int64($0)) }
      report.duplicated += found.entries.count - Set(found.entries).count
      if found.entries.sorted() != found.messages.sorted()
        || found.balance + Int64(found.entries.count) != DiskFullStore.firstBalance
        || isComplete && found.entries.count != told.count
      {
        report.diverged += 1
        report.complaints.append(
          "\(tenant): \(told.count) acknowledged, \(found.entries.count) entries,"
            + " \(found.messages.count) messages, balance \(found.balance)")
      }
      if isComplete {
        let digest = try await engine.digest(tenant, recompute: true)
        if !digest.recomputed { report.diverged += 1 }
      }
    }
  }
}
