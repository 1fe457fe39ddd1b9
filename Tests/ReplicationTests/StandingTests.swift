import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// Whom the register names, as a primary keeps it.
@Suite("Who may be promoted") struct StandingTests {
  /// A follower that keeps no bytes: what it says of its disk is the test's to change.
  private final class Disk: Sendable {
    struct State: Sendable {
      var end = JournalEnd.start
      var takesGroups = true
      /// How often groups were refused.
      var refusals = 0
      /// How often it said where it stands.
      var hellos = 0
    }
    let state: Mutex<State>

    init(_ state: State = State()) { self.state = Mutex(state) }

    var refusals: Int { state.withLock { $0.refusals } }
    var hellos: Int { state.withLock { $0.hellos } }
    var end: JournalEnd { state.withLock { $0.end } }

    func answer(_ request: IncomingRequest) throws(Failure) -> [UInt8] {
      do {
        if request.method == .replicaHello { state.withLock { $0.hellos += 1 } }
        if request.method == .replicaAppend {
          let append = try Aimstors_ProtoReplicaAppend(serializedBytes: request.payload)
          let takes = state.withLock { state in
            if !state.takesGroups { state.refusals += 1 }
            return state.takesGroups
          }
          guard takes else { throw Failure(.recovering, "it takes nothing") }
          for bytes in append.groups {
            let group = try DurableGroup(decoding: [UInt8](bytes))
            state.withLock {
              $0.end = JournalEnd(group: group.number, seq: group.lastSeq, hash: group.hash)
            }
          }
        }
        var answer = Aimstors_ProtoReplicaState()
        answer.generation = 1
        answer.end = end.message
        return try answer.serializedBytes()
      } catch let failure as Failure {
        throw failure
      } catch {
        throw Failure(.internalError, "\(error)")
      }
    }
  }

  /// A control plane of which there is the register only.
  private final class Register: Sendable {
    private let state: Mutex<CellRegister>
    var current: CellRegister { state.withLock { $0 } }
    var namesFollower: Bool { current.promotable.contains("f") }

    init(names promotable: Set<String>) {
      state = Mutex(
        CellRegister(cell: Bench.cell, generation: .first, primary: "p", promotable: promotable))
    }

    func answer(_ request: IncomingRequest) throws(Failure) -> [UInt8] {
      do {
        if request.method == .registerChange {
          let asked = try Aimstors_ProtoRegisterChange(serializedBytes: request.payload)
          try state.withLock { register in
            try register.compareAndSet(
              asked.change == "add" ? .add(asked.follower) : .degrade(asked.follower),
              expecting: asked.version, from: Generation(asked.generation))
          }
        }
        let register = current
        var proto = Aimstors_ProtoCellRegister()
        proto.cell = register.cell.rawValue
        proto.generation = register.generation.rawValue
        proto.primary = register.primary
        proto.promotable = register.promotable.sorted()
        proto.version = register.version
        return try proto.serializedBytes()
      } catch {
        throw Failure(.conflict, "\(error)")
      }
    }
  }

  private struct Scene {
    let primary: StorageEngine
    let journal: Journal
    let register: Register
    let disk: Disk
    let replication: Replication
  }

  /// A primary with a follower; `isAsked`: an earlier life of it asked the follower.
  private func withScene(
    isAsked: Bool, names promotable: Set<String> = [], _ disk: Disk = Disk(),
    segmentBytes: Int = 4 << 20, _ body: (Scene) async throws -> Void
  ) async throws {
    let path = "/tmp/aimstors-standing-tests-\(String(LiveRandomSource().uint64(), radix: 16))"
    try LiveFileSystem().createDirectory(path)
    defer { try? FileTree.remove(path, LiveFileSystem()) }
    let bench = Bench(path)
    let register = Register(names: promotable)
    _ = try await bench.control.listen(at: Address("tcp://control:1")) {
      (request) async throws(Failure) -> [UInt8] in try register.answer(request)
    }
    let follower = InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "f", generation: .first), network: bench.network)
    _ = try await follower.listen(at: bench.address("f")) {
      (request) async throws(Failure) -> [UInt8] in try disk.answer(request)
    }
    let (primary, messenger) = try await bench.primary("p", segmentBytes: segmentBytes)
    let journal = try #require(primary.journal)
    var state = ReplicaState(role: .primary, generation: .first)
    if isAsked {
      state.asked = ["f"]
      journal.gate.require(["f"])
    }
    let replication = Replication(
      ReplicationConfiguration(
        replica: "p", peers: [.init(replica: "f", address: bench.address("f"))], mode: .follower,
        degrades: false),
      cell: Bench.cell, directory: "\(path)/p", state: state, messenger: messenger,
      controlPlane: Address("tcp://control:1"), archive: nil, files: LiveFileSystem(),
      clock: SimulatedWallClock(), logger: bench.log, address: { "" }, fatal: { _ in })
    try await body(
      Scene(
        primary: primary, journal: journal, register: register, disk: disk,
        replication: replication))
    await primary.close()
    await messenger.close()
    await follower.close()
  }

  private func running(_ scene: Scene, _ body: () async throws -> Void) async throws {
    let running = Task { await scene.replication.run(scene.journal) { nil } }
    do { try await body() } catch {
      running.cancel()
      await running.value
      throw error
    }
    running.cancel()
    await running.value
  }

  @Test func `a follower that came back without its disk is not named until it has everything`()
    async throws
  {
    try await withScene(isAsked: false) { scene in
      try await running(scene) {
        try await until { scene.register.namesFollower }
        for id in 1...20 { try await scene.primary.pay(Int64(id)) }
        // Its machine is exchanged. What is written next waits for it.
        scene.disk.state.withLock { ($0.end, $0.takesGroups) = (.start, false) }
        let waiting = Task { try await scene.primary.pay(21) }
        try await until { !scene.register.namesFollower }
        #expect(scene.journal.gate.required == ["f"])
        let last = scene.journal.lastSeq
        scene.disk.state.withLock { $0.takesGroups = true }
        try await until { scene.register.namesFollower }
        #expect(scene.disk.end.seq >= last)
        try await waiting.value
      }
    }
  }

  @Test func `a primary that starts does not add a follower that lacks what is there`()
    async throws
  {
    let disk = Disk(.init(takesGroups: false))
    try await withScene(isAsked: true, disk) { scene in
      // Acknowledged by an earlier life, which went on alone.
      scene.journal.gate.require([])
      for id in 1...20 { try await scene.primary.pay(Int64(id)) }
      scene.journal.gate.require(["f"])
      let last = scene.journal.lastSeq
      try await running(scene) {
        // Time for several looks at it.
        try await until { disk.refusals >= 6 }
        #expect(!scene.register.namesFollower)
        disk.state.withLock { $0.takesGroups = true }
        try await until { scene.register.namesFollower }
        #expect(disk.end.seq >= last)
      }
    }
  }

  @Test func `a follower is not added by its word alone, where what it names is trimmed here`()
    async throws
  {
    try await withScene(isAsked: true, segmentBytes: 4_096) { scene in
      scene.journal.gate.require([])
      for id in 1...60 { try await scene.primary.pay(Int64(id)) }
      scene.primary.flush()
      let last = scene.journal.lastSeq
      #expect(try scene.journal.end(ofGroup: 1) == nil, "nothing is trimmed")
      scene.journal.gate.require(["f"])
      // A replaced primary's: as many records as here, in few groups, and nobody can say of whom.
      scene.disk.state.withLock { $0.end = JournalEnd(group: 1, seq: last, hash: .zero) }
      try await running(scene) {
        try await until { scene.disk.hellos >= 6 }
        #expect(!scene.register.namesFollower)
        // Its disk is filled with what is here.
        let group = scene.journal.end.group - 2
        let filled = try #require(try scene.journal.end(ofGroup: group))
        scene.disk.state.withLock { $0.end = filled }
        try await until { scene.register.namesFollower }
        #expect(scene.disk.end.seq >= last)
      }
    }
  }

  @Test func `a primary that starts takes back the name of a follower that lost its disk`()
    async throws
  {
    let disk = Disk(.init(takesGroups: false))
    try await withScene(isAsked: true, names: ["f"], disk) { scene in
      try await running(scene) {
        try await until { !scene.register.namesFollower }
        disk.state.withLock { $0.takesGroups = true }
        try await until { scene.register.namesFollower }
        #expect(disk.end.seq >= scene.journal.lastSeq)
      }
    }
  }
}
