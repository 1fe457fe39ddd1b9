import Archive
import Logging
import Messaging
import Platform
import Replication
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell

/// Runs `body` with a bench in a directory of its own.
func withBench(_ body: (Bench) async throws -> Void) async throws {
  let path = "/tmp/aimstors-replication-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
  try LiveFileSystem().createDirectory(path)
  defer { try? FileTree.remove(path, LiveFileSystem()) }
  try await body(Bench(path))
}

/// Waits as long as the test may run.
func until(_ condition: () async throws -> Bool) async throws {
  while try await !condition() { try await Task.sleep(for: .milliseconds(1)) }
}

/// Two replicas of one cell over an in-memory network, on the machine's disk.
struct Bench {
  static let cell = CellID(trusted: "c1")
  static let tenant = TenantID(trusted: "t1")
  static let origin = CommandOrigin(requestID: "r", traceID: "")

  let directory: String
  let network = InMemoryNetwork(random: SeededRandomSource(seed: 1))
  let control: InMemoryMessenger
  let log: Logger

  init(_ directory: String) {
    self.directory = directory
    var log = Logger(label: "test")
    log.logLevel = .critical
    self.log = log
    control = InMemoryMessenger(
      identity: PeerIdentity(role: .controlPlane, id: "control", generation: .first),
      network: network)
  }

  /// A primary's engine with its end of messaging.
  func primary(
    _ replica: String, _ generation: Generation = .first, createsTenant: Bool = true,
    segmentBytes: Int = 4 << 20
  ) async throws -> (engine: StorageEngine, messenger: InMemoryMessenger) {
    var configuration = EngineConfiguration(directory: "\(directory)/\(replica)", cell: Self.cell)
    configuration.generation = generation
    configuration.oldestGeneration = .first
    configuration.followerGate.modes = DurabilityModes(cell: .follower)
    // No test waits until this is over: a busy machine's follower takes longer than a real one.
    configuration.followerGate.deadlineNanoseconds = 600_000_000_000
    configuration.adjustJournal = {
      $0.segmentBytes = segmentBytes
      $0.groupBytes = min(256 << 10, segmentBytes / 2)
      $0.reserveBytes = 0
    }
    let engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: 2),
      files: LiveFileSystem(), log: log, schema: { _ in TestSchema.store() },
      fatal: { preconditionFailure("\($0)") })
    _ = try await engine.start()
    if createsTenant, engine.ownership(Self.tenant) == nil {
      try await engine.create(Self.tenant, epoch: .first)
    }
    return (
      engine,
      InMemoryMessenger(
        identity: PeerIdentity(role: .cell, id: Self.cell.rawValue, generation: generation),
        network: network)
    )
  }

  /// A follower that answers at `tcp://<replica>:1`.
  func follower(
    _ replica: String, archive: Archive? = nil,
    reads: (@Sendable (StorageEngine) -> RequestHandler)? = nil
  ) async throws -> FollowerNode {
    let place = "\(directory)/\(replica)"
    try LiveFileSystem().createDirectory(place)
    let state =
      try ReplicaFile(directory: place, files: LiveFileSystem()).load()
      ?? ReplicaState(role: .follower, generation: .first)
    let node = FollowerNode(
      configuration: FollowerConfiguration(
        replica: replica, cell: Self.cell, dataDirectory: place, listen: address(replica),
        advertise: "", controlPlane: Address("tcp://control:1"), version: "test"),
      state: state,
      messenger: InMemoryMessenger(
        identity: PeerIdentity(role: .follower, id: replica, generation: state.generation),
        network: network),
      files: LiveFileSystem(), clock: SimulatedWallClock(), random: SeededRandomSource(seed: 3),
      logger: log, archive: archive, reads: reads, schema: { _ in TestSchema.store() },
      fatal: { preconditionFailure($0) })
    try await node.start()
    return node
  }

  /// The cell's archive.
  func archive() throws -> Archive {
    let random = SeededRandomSource(seed: 9)
    return Archive(
      objects: DirectoryStore(
        root: "\(directory)/archive", files: LiveFileSystem(), random: random),
      key: try ArchiveKey(
        [UInt8](repeating: 3, count: 32), deployment: String(repeating: "a", count: 32)),
      random: random)
  }

  /// Archives what a primary has and what `body` has it write.
  func archived(
    _ engine: StorageEngine, _ archive: Archive, _ replica: String,
    _ generation: Generation = .first, _ body: () async throws -> Void
  ) async throws {
    let service = service(engine, archive, replica, generation)
    let uploading = Task { await service.run() }
    try await body()
    #expect(await service.waitUntilArchived(seconds: 120))
    uploading.cancel()
    await uploading.value
  }

  /// What archives a primary.
  func service(
    _ engine: StorageEngine, _ archive: Archive, _ replica: String, _ generation: Generation
  ) -> ArchiveService {
    ArchiveService(
      ArchiveEnvironment(
        archive: archive, engine: engine, cell: Self.cell, generation: generation,
        dataDirectory: "\(directory)/\(replica)", schema: { _ in TestSchema.store() },
        files: LiveFileSystem(), clock: SimulatedWallClock(), random: SeededRandomSource(seed: 4),
        logger: log))
  }

  func address(_ replica: String) -> Address { Address("tcp://\(replica):1") }

  /// A primary's stream to `follower`.
  func link(
    _ follower: String, from messenger: InMemoryMessenger, began: JournalEnd = .start,
    archive: Archive? = nil
  ) -> FollowerLink {
    FollowerLink(
      .init(replica: follower, address: address(follower)),
      peer: messenger.peer(at: address(follower)), cell: Self.cell, replica: "other",
      generation: messenger.identity.generation, began: began, archive: archive,
      logger: log)
  }

  func promote(_ replica: String, to generation: UInt64) async throws {
    var promote = Aimstors_ProtoReplicaPromote()
    promote.cell = Self.cell.rawValue
    promote.generation = generation
    _ = try await control.peer(at: address(replica)).request(
      .replicaPromote, try promote.serializedBytes(), timeout: .seconds(300), traceID: "")
  }

  /// The follower's digests, as a drill asks for them.
  func digests(_ replica: String) async throws -> [String: String] {
    var query = Aimstors_ProtoDigestRequest()
    query.tenant = Self.tenant.rawValue
    query.recompute = true
    let bytes = try await control.peer(at: address(replica)).request(
      .digest, try query.serializedBytes(), timeout: .seconds(300), traceID: "")
    return try Aimstors_ProtoDigestAnswer(serializedBytes: bytes).files
  }
}

extension StorageEngine {
  func pay(_ id: Int64) async throws {
    try await write(Bench.tenant, Bench.origin) { try TestSchema.pay($0, id) }
  }

  /// The digests as they are compared with a follower's.
  func digests() async throws -> [String: String] {
    try await digest(Bench.tenant, recompute: true).files.mapValues { "\($0)" }
  }
}
