import ArgumentParser
import Cell
import Foundation
import Logging
import Messaging
import Platform
import Replication
import Storage
import Synchronization
import Wire

/// Durable transactions of a cell whose follower, a process of its own on the same cores, fsyncs
/// and applies each record; beside the same cell alone.
struct ReplicationBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replication", abstract: "A cell in `follower` mode beside one in `local` mode.")

  static let tenants = 100
  /// The best of these counts, on either side: an acknowledgement takes two fsyncs one after the
  /// other, which more of them in flight hide.
  static let callers = [256, 1_024, 4_096]
  static let follower = "bench-b"
  static let cell = CellID(trusted: "bench")
  static let barRatio = 0.6
  /// Files may be so far behind the journal, and no further each second.
  static let barApplySeconds = 10.0

  @Option(help: "Seconds under load in `follower` mode.")
  var sustained = 60
  @OptionGroup var repository: Repository

  func run() async throws {
    var local: [Best] = []
    var beside: [Best] = []
    var followed: [Best] = []
    for repetition in 1...repository.repetitions {
      let turn = "replication \(repetition)/\(repository.repetitions):"
      progress("\(turn) alone")
      local.append(try await best(nil, seconds: repository.seconds))
      progress("\(turn) a follower nobody waits for")
      beside.append(try await best(.local, seconds: repository.seconds))
      progress("\(turn) `follower`, \(sustained) s")
      followed.append(try await best(.follower, seconds: sustained))
    }
    progress("replication: the archive")
    try await ArchiveLagBench(repository: repository, seconds: sustained).run()
    guard let last = followed.last else { throw BenchFailure("nothing was measured") }
    Row(
      name: "replication.lag_p99_ms", value: last.measured.lagP99, unit: "ms",
      facts: [
        "p50": last.measured.lagP50, "callers": last.callers, "seconds": sustained,
        "of": "from a group's own fsync to its acknowledgement",
      ]
    ).write()
    Row(
      name: "replication.follower_vs_local", value: median(followed.map(\.measured.rate)),
      unit: "transactions/s", baseline: median(local.map(\.measured.rate)),
      facts: [
        "bar": Self.barRatio, "callers": last.callers, "callers_alone": local.last?.callers ?? 0,
        "with_other_callers": last.others, "alone_with_other_callers": local.last?.others ?? [:],
        "commands_a_batch": last.measured.batch,
        "commands_a_batch_alone": local.last?.measured.batch ?? 0, "seconds": sustained,
        "with_a_follower_nobody_waits_for": median(beside.map(\.measured.rate)).rounded(),
        "apply_lag_s": last.measured.applySeconds,
        "apply_lag_first_third_s": last.measured.firstThird,
        "apply_lag_last_third_s": last.measured.lastThird, "apply_lag_bar_s": Self.barApplySeconds,
        "digests_match": true, "against": "the same cell alone, `local`",
      ]
    ).write()
  }

  /// What was measured with the callers that reached most.
  private struct Best {
    var callers = 0
    var measured = Measured()
    /// Transactions per second of the others, by callers.
    var others: [String: Double] = [:]
  }

  private func best(_ mode: DurabilityMode?, seconds: Int) async throws -> Best {
    var best = Best()
    for callers in Self.callers {
      let measured = try await measure(mode, callers, seconds: seconds)
      if measured.rate > best.measured.rate {
        if best.callers > 0 { best.others["\(best.callers)"] = best.measured.rate.rounded() }
        best.callers = callers
        best.measured = measured
      } else {
        best.others["\(callers)"] = measured.rate.rounded()
      }
    }
    return best
  }

  private struct Measured {
    var rate = 0.0
    var lagP50 = 0.0
    var lagP99 = 0.0
    /// Commands in one transaction of a tenant.
    var batch = 0.0
    /// The longest seen.
    var applySeconds = 0.0
    var firstThird = 0.0
    var lastThird = 0.0
  }

  /// Transactions per second; `mode` nil: without any follower.
  private func measure(
    _ mode: DurabilityMode?, _ callers: Int, seconds: Int
  ) async throws -> Measured {
    let directory = try Repository.temporaryDirectory("replication")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var configuration = EngineConfiguration(directory: directory + "/a", cell: Self.cell)
    configuration.followerGate.modes = DurabilityModes(cell: mode ?? .local)
    let engine = Self.engine(configuration)
    _ = try await engine.start()
    let ids = (0..<Self.tenants).map { TenantID(trusted: "t\($0)") }
    let origin = CommandOrigin(requestID: "bench", traceID: "")
    for tenant in ids {
      try await engine.create(tenant, epoch: .first)
      try await engine.write(tenant, origin) { try CommitStore.fill($0) }
    }
    let other = try mode.map { _ in try Child(repository, directory + "/b") }
    defer { other?.stop() }
    let messenger = try Self.messenger(.cell, Self.cell.rawValue)
    guard let journal = engine.journal else { throw BenchFailure("the journal is not open") }
    var feeding: Task<ReplicationStop?, Never>?
    var watching: Task<Sight, any Error>?
    if let other, let mode {
      let link = FollowerLink(
        .init(replica: Self.follower, address: other.address),
        peer: messenger.peer(at: other.address), cell: Self.cell, replica: Self.cell.rawValue,
        generation: .first, began: .start, logger: Logger(label: "bench"))
      feeding = Task { await link.run(journal) { true } }
      if mode == .follower { journal.gate.require([Self.follower]) }
      watching = Task { try await Self.watch(link, journal) }
    }
    let before = engine.metrics
    let (rate, _) = try await Callers.rate(callers, seconds: seconds) { caller, turn in
      let tenant = ids[(caller * 37 + turn * 7) % Self.tenants]
      try await engine.write(tenant, origin) { try CommitStore.operate($0) }
    }
    watching?.cancel()
    var measured = try await watching?.value.measured ?? Measured()
    measured.rate = rate
    let after = engine.metrics
    measured.batch =
      Double(after.commands - before.commands) / Double(max(1, after.batches - before.batches))
    if let other { try await Self.compare(engine, ids, other) }
    feeding?.cancel()
    _ = await feeding?.value
    await engine.close()
    await messenger.close()
    return measured
  }

  static func engine(_ configuration: EngineConfiguration) -> StorageEngine {
    var log = Logger(label: "bench")
    log.logLevel = .error
    return StorageEngine(
      configuration, clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(),
      log: log, schema: { _ in CommitSchema.schema },
      fatal: { fatality in
        progress("fatal: \(fatality)")
        Foundation.exit(1)
      })
  }

  static func messenger(_ role: PeerIdentity.Role, _ id: String) throws -> NNGMessenger {
    guard let key = DeploymentKey([UInt8](repeating: 1, count: DeploymentKey.byteCount)) else {
      throw BenchFailure("a deployment key has \(DeploymentKey.byteCount) bytes")
    }
    var log = Logger(label: "bench")
    log.logLevel = .error
    return NNGMessenger(
      identity: PeerIdentity(role: role, id: id, generation: .first), key: key,
      random: LiveRandomSource(), log: log)
  }

  // MARK: Looking

  private struct Sight: Sendable {
    var lags: [Double] = []
    var apply: [Double] = []

    var measured: Measured {
      let sorted = lags.sorted()
      let third = max(1, apply.count / 3)
      func mean(_ values: some Collection<Double>) -> Double {
        values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
      }
      return Measured(
        lagP50: percentile(sorted, 0.5), lagP99: percentile(sorted, 0.99),
        applySeconds: apply.max() ?? 0, firstThird: mean(apply.prefix(third)),
        lastThird: mean(apply.suffix(third)))
    }
  }

  /// Every two milliseconds where the journal ends and what is acknowledged; every second how far
  /// the follower's files are.
  private static func watch(_ link: FollowerLink, _ journal: Journal) async throws -> Sight {
    var sight = Sight()
    var open: [(seq: CellSeq, at: ContinuousClock.Instant)] = []
    var askAt = ContinuousClock.now
    while !Task.isCancelled {
      let now = ContinuousClock.now
      let acknowledged = link.current.end?.seq ?? CellSeq(0)
      while let first = open.first, first.seq <= acknowledged {
        sight.lags.append((now - first.at) / .milliseconds(1))
        open.removeFirst()
      }
      let end = journal.lastSeq
      if open.last.map({ $0.seq < end }) ?? (end > acknowledged) { open.append((end, now)) }
      if now >= askAt, let state = await link.hello() {
        askAt = now + .seconds(1)
        // Before its first record a follower says no time.
        let isBehind = state.appliedTimeMs > 0 && state.appliedSeq < journal.lastSeq.rawValue
        let milliseconds = LiveWallClock().milliseconds() - state.appliedTimeMs
        sight.apply.append(isBehind ? max(0, Double(milliseconds) / 1_000) : 0)
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return sight
  }

  /// The follower's files must come to be the primary's.
  private static func compare(
    _ engine: StorageEngine, _ tenants: [TenantID], _ other: Child
  ) async throws {
    let messenger = try messenger(.tool, "bench-tool")
    let peer = messenger.peer(at: other.address)
    for tenant in tenants {
      let own = try await engine.digest(tenant, recompute: false)
      var query = Aimstors_ProtoDigestRequest()
      query.tenant = tenant.rawValue
      var found: [String: String] = [:]
      for _ in 0..<600 where found.isEmpty {
        do {
          let bytes = try await peer.request(
            .digest, try query.serializedBytes(), timeout: .seconds(10), traceID: "")
          let answer = try Aimstors_ProtoDigestAnswer(serializedBytes: bytes)
          if answer.tenantSeq == own.tenantSeq.rawValue { found = answer.files }
        } catch MessagingError.refused(let failure) where failure.code == .recovering {}
        if found.isEmpty { try await Task.sleep(for: .milliseconds(100)) }
      }
      guard found == own.files.mapValues({ "\($0)" }) else {
        throw BenchFailure("\(tenant) differs at the follower, or does not get there in a minute")
      }
    }
    await messenger.close()
  }

  // MARK: The other process

  private final class Child {
    let address: Address
    private let process = Process()

    init(_ repository: Repository, _ directory: String) throws {
      process.executableURL = repository.binaries.appendingPathComponent("bench")
      process.arguments = ["replication-follow", directory]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
      let url = line.trimmingCharacters(in: .whitespacesAndNewlines)
      guard url.hasPrefix("tcp://") else { throw BenchFailure("the follower said \(line)") }
      address = Address(url)
    }

    func stop() {
      process.terminate()
      process.waitUntilExit()
    }
  }

  /// A follower until it is stopped; prints where it answers.
  struct Follow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "replication-follow", abstract: "Follows the bench's cell.",
      shouldDisplay: false)

    @Argument var directory: String

    func run() async throws {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      var log = Logger(label: "bench")
      log.logLevel = .error
      let node = FollowerNode(
        configuration: FollowerConfiguration(
          replica: ReplicationBench.follower, cell: ReplicationBench.cell,
          dataDirectory: directory, listen: Address("tcp://127.0.0.1:0"), advertise: "",
          controlPlane: Address("tcp://127.0.0.1:1"), version: "bench"),
        state: ReplicaState(role: .follower, generation: .first),
        messenger: try ReplicationBench.messenger(.follower, ReplicationBench.follower),
        files: LiveFileSystem(), clock: LiveWallClock(), random: LiveRandomSource(), logger: log,
        schema: { _ in CommitSchema.schema }, fatal: { fatalError($0) })
      try await node.start()
      FileHandle.standardOutput.write(Data("\(node.address?.url ?? "")\n".utf8))
      try await Task.sleep(for: .seconds(3_600))
    }
  }
}
