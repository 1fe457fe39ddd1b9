import Foundation
import Logging
import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// A move as its two cells drive it, over messages.
@Suite("A move between two cells") struct TwoCellMoveTests {
  private static let tenant = TenantID(trusted: "t1")

  /// The room on a cell's disk, as the test says.
  private final class FakeDisk: Sendable {
    private let state = Mutex(MoveRoom.Disk(free: 1 << 40, total: 0))
    var room: MoveRoom.Disk { state.withLock { $0 } }
    func become(free: UInt64, total: UInt64 = 0) {
      state.withLock { $0 = MoveRoom.Disk(free: free, total: total) }
    }
  }

  /// A follower that acknowledges in time for the first so many questions.
  private final class FakeFollower: Sendable {
    private let prompt = Mutex(Int.max)
    func becomesLate(after questions: Int) { prompt.withLock { $0 = questions } }
    func late() -> String? {
      prompt.withLock { prompt in
        prompt -= 1
        return prompt < 0 ? "f" : nil
      }
    }
  }

  /// Whose acknowledgements are asked.
  private final class Asked: Sendable {
    private let state = Mutex<Set<String>>([])
    var names: Set<String> { state.withLock { $0 } }
    func begin(_ name: String) { state.withLock { _ = $0.insert(name) } }
  }

  /// What of a cell takes part in a move.
  private struct Side {
    let engine: StorageEngine
    let messenger: InMemoryMessenger
    let departures: Departures
    let moves: MoveMessages
    let rates: TravellingRates
    let disk = FakeDisk()
    let follower = FakeFollower()
    let modes = DurabilityModes(cell: .local)
    let directives: Directives
    let asked = Asked()

    init(_ name: String, _ directory: String, _ network: InMemoryNetwork) async throws {
      var log = Logger(label: "test")
      log.logLevel = .critical
      let (clock, files) = (SimulatedWallClock(), LiveFileSystem())
      let cell = CellID(trusted: name)
      let place = "\(directory)/\(name)"
      var configuration = EngineConfiguration(directory: place, cell: cell)
      configuration.followerGate.modes = modes
      engine = StorageEngine(
        configuration, clock: clock,
        random: SeededRandomSource(seed: 7), files: files, log: log,
        schema: { CellNode.schema(of: $0) }, fatal: { Issue.record("journal died: \($0)") })
      _ = try await engine.start()
      try await engine.create(.cellStore, epoch: .first)
      directives = Directives(
        store: engine, cell: cell, region: RegionID(trusted: "local"), modes: modes)
      try await directives.load()
      messenger = InMemoryMessenger(
        identity: PeerIdentity(role: .cell, id: name, generation: .first), network: network)
      let boot = FakeBoot(clock: clock)
      rates = TravellingRates(
        keys: APIKeys(store: engine, clock: clock, boot: boot), signIns: SignInLimits(boot: boot),
        paces: SendPaces(boot: boot, clock: clock))
      let environment = MoveEnvironment(
        cell: cell, engine: engine, directives: directives,
        rates: rates,
        sessions: Sessions(store: engine, clock: clock), messenger: messenger, files: files,
        dataDirectory: place, clock: clock, address: { Self.address(name) }, wake: { _ in },
        room: MoveRoom { [disk] in disk.room },
        lateFollower: { [follower] _ in follower.late() }, log: log)
      departures = Departures(environment)
      moves = MoveMessages(
        arrivals: Arrivals(
          environment, followers: FollowerCopies(links: []) { [asked] in asked.names },
          archived: { _ in }),
        outcomes: LateOutcomes(
          environment: environment, sealer: Sealer(key: [UInt8](repeating: 7, count: 32)),
          gate: directives))
    }

    static func address(_ name: String) -> String { "tcp://\(name):1" }

    /// Answers at an address; `refuses` says what it does not hear.
    func listen(
      _ name: String, as messenger: InMemoryMessenger? = nil,
      refuses: @escaping @Sendable (WireMethod) -> Bool = { _ in false }
    ) async throws {
      let moves = moves
      _ = try await (messenger ?? self.messenger).listen(at: Address(Self.address(name))) {
        (request) async throws(Failure) in
        guard !refuses(request.method) else {
          throw Failure(.recovering, "it is on its way down")
        }
        return try await moves.answer(request, from: CellID(trusted: request.peer.id))
      }
    }

    func pay(_ reference: String) async throws {
      try await engine.write(tenant, CommandOrigin(requestID: reference, traceID: "")) {
        _ = try Ledger($0).topUp(Micros(5), currency: Books.eur, reference: reference)
      }
    }

    func transfers() async throws -> Int {
      try await engine.read(tenant, [.ledger]) { try LedgerAudit($0.file(.ledger)).transfers }
    }
  }

  private func withSides(_ body: (Side, Side, InMemoryNetwork) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-moves-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 1))
    let source = try await Side("a", directory, network)
    let target = try await Side("b", directory, network)
    try await source.engine.create(Self.tenant, epoch: .first)
    for number in 1...5 { try await source.pay("payment-\(number)") }
    try await source.listen("a")
    try await body(source, target, network)
    await source.engine.close()
    await target.engine.close()
  }

  private func order(at address: String, cap: Int64 = 10_000) -> MoveOrder {
    MoveOrder(
      operation: "op", tenant: Self.tenant, target: CellID(trusted: "b"),
      address: Side.address(address), epoch: Epoch(2), capMilliseconds: cap)
  }

  @Test func `the tenant is served there, with all that it had`() async throws {
    try await withSides { source, target, _ in
      try await target.listen("b")
      let result = try await source.departures.move(order(at: "b"), CellWork.Progress())
      #expect(result.contains(#""to_epoch":2"#), "\(result)")
      #expect(target.engine.servedHeads[Self.tenant]?.epoch == Epoch(2))
      #expect(source.engine.servedHeads[Self.tenant] == nil)
      try await target.pay("payment-6")
      #expect(try await target.transfers() == 6)
    }
  }

  @Test func `a tenant's own durability goes with it, and only where it can be kept`()
    async throws
  {
    try await withSides { source, target, _ in
      try await target.listen("b")
      try await source.directives.set(.follower, of: Self.tenant)
      do {
        _ = try await source.departures.move(order(at: "b"), CellWork.Progress())
        Issue.record("it moved to a cell that asks no follower")
      } catch let failure as Failure {
        #expect(failure.code == .followerMissing)
      }
      #expect(source.engine.servedHeads[Self.tenant] != nil)
      #expect(target.modes.own(of: Self.tenant) == nil)

      target.asked.begin("f")
      var order = order(at: "b")
      order = MoveOrder(
        operation: "op2", tenant: order.tenant, target: order.target, address: order.address,
        epoch: Epoch(3), capMilliseconds: order.capMilliseconds)
      _ = try await source.departures.move(order, CellWork.Progress())
      #expect(target.modes.mode(of: Self.tenant) == .follower)
      #expect(target.modes.mode(of: .cellStore) == .follower)
      // Also after a restart, as long as the tenant is there.
      target.modes.set(nil, for: Self.tenant)
      try await target.directives.load { target.engine.heads[$0]?.ownership.isHere ?? false }
      #expect(target.modes.mode(of: Self.tenant) == .follower)
      source.modes.set(nil, for: Self.tenant)
      try await source.directives.load { source.engine.heads[$0]?.ownership.isHere ?? false }
      #expect(source.modes.own(of: Self.tenant) == nil)
    }
  }

  @Test func `a dry run says as many bytes as the copy has, also of what a log still holds`()
    async throws
  {
    try await withSides { source, target, _ in
      try await target.listen("b")
      let plan = try await source.departures.plan(order(at: "b"))
      let result = try await source.departures.move(order(at: "b"), CellWork.Progress())
      func bytes(_ json: String) throws -> Int {
        struct Bytes: Decodable { let bytes: Int }
        return try JSONDecoder().decode(Bytes.self, from: Data(json.utf8)).bytes
      }
      #expect(try bytes(plan) >= bytes(result))
    }
  }

  @Test func `nobody gets a second burst by a move`() async throws {
    try await withSides { source, target, _ in
      try await target.listen("b")
      let person = SignInLimits.Subject.person(Self.tenant, "a@x")
      while source.rates.signIns.ask(person) == .allowed {}
      let tooFast = GraphError(code: 130_429, title: "too fast")
      source.rates.paces.hear(
        SendResult(id: RowID(1), phoneNumberID: "n", outcome: .refused(tooFast)), of: Self.tenant)
      // The target's outbox may run before it has heard of the source's.
      let pace = target.rates.paces.begun(Self.tenant)
      _ = try await source.departures.move(order(at: "b"), CellWork.Progress())
      #expect(target.rates.signIns.ask(person) != .allowed)
      #expect(pace.use { $0.left(0, milliseconds: 0) }.numbers["n"] != nil)
      // And the source has forgotten it.
      #expect(source.rates.signIns.ask(person) == .allowed)
      #expect(source.rates.paces.left(of: Self.tenant) == SendPace.Left())
      #expect(!source.rates.hasNote(of: Self.tenant))
    }
  }

  @Test func `a release that is told again takes nothing back`() async throws {
    try await withSides { source, target, _ in
      try await target.listen("b")
      _ = try await source.departures.move(order(at: "b"), CellWork.Progress())
      let release = try #require(source.engine.release(of: Self.tenant))
      let person = SignInLimits.Subject.person(Self.tenant, "a@x")
      while target.rates.signIns.ask(person) == .allowed {}
      try await target.moves.arrivals.adopt(release.message(of: Self.tenant))
      #expect(target.rates.signIns.ask(person) != .allowed)
    }
  }

  @Test func `a copy that does not fit beside the tenant's files is not begun`() async throws {
    try await withSides { source, target, _ in
      try await target.listen("b")
      source.disk.become(free: CellLimits.diskReserveBytes)
      do {
        _ = try await source.departures.move(order(at: "b"), CellWork.Progress())
        Issue.record("it moved")
      } catch let failure as Failure { #expect(failure.code == .cellFull) }
      #expect(source.engine.servedHeads[Self.tenant]?.epoch == .first)
      #expect(target.engine.heads[Self.tenant] == nil)
      try await source.pay("payment-6")
    }
  }

  /// Once the release is written it could not be taken back, and the tenant would be nobody's for
  /// as long as the follower stands still.
  @Test func `a follower that stands still at the last moment ends the move before its fence`()
    async throws
  {
    try await withSides { source, target, _ in
      try await target.listen("b")
      // Asked before the sends stop, and right before the fence.
      source.follower.becomesLate(after: 1)
      let progress = CellWork.Progress()
      do {
        _ = try await source.departures.move(order(at: "b"), progress)
        Issue.record("it moved")
      } catch let failure as Failure { #expect(failure.code == .overloaded) }
      #expect(progress.value.step == "quiesce")
      #expect(source.engine.servedHeads[Self.tenant]?.ownership == .owned)
      #expect(source.engine.moveStanding(Self.tenant, under: Epoch(2)) == .burned)
      #expect(target.engine.heads[Self.tenant]?.ownership == .refused)
      try await source.pay("payment-6")
    }
  }

  @Test func `a move may be cancelled until its release is written`() async throws {
    try await withSides { source, target, _ in
      let progress = CellWork.Progress()
      let departures = source.departures
      try await target.listen("b") { method in
        // Right before the target becomes ready.
        if method == .moveRecords, progress.value.step == "fence" { departures.cancel("op") }
        return false
      }
      do {
        _ = try await departures.move(order(at: "b"), progress)
        Issue.record("it moved")
      } catch let failure as Failure { #expect(failure.code == .conflict) }
      #expect(progress.value.step == "release")
      #expect(source.engine.servedHeads[Self.tenant]?.ownership == .owned)
      #expect(target.engine.heads[Self.tenant]?.ownership == .refused)
      try await source.pay("payment-6")
    }
  }

  @Test func `a move whose pause is predicted above its cap is not begun`() async throws {
    let pause = PredictedPause(synchronization: 300_000, trip: 60_000)
    #expect(pause.microseconds == 1_020_000)
    try pause.demand(under: order(at: "b", cap: 1_020))
    try await withSides { source, target, network in
      try await target.listen("b")
      var faults = InMemoryFaults()
      faults.delay = .milliseconds(60)
      network.setFaults(faults)
      do {
        _ = try await source.departures.move(order(at: "b", cap: 100), CellWork.Progress())
        Issue.record("it moved")
      } catch let failure as Failure { #expect(failure.code == .overloaded) }
      // Its epoch is as new as before.
      #expect(source.engine.heads[Self.tenant]?.armed == .first)
      #expect(target.engine.heads[Self.tenant] == nil)
    }
  }

  @Test func `files of a tenant that left are kept for as long as the disk has room`() async throws
  {
    try await withSides { source, target, _ in
      try await target.listen("b")
      _ = try await source.departures.move(order(at: "b"), CellWork.Progress())
      source.departures.reap()
      #expect(source.engine.departed.map(\.tenant) == [Self.tenant])
      source.disk.become(free: 19_000, total: 100_000)
      source.departures.reap()
      #expect(source.engine.departed.isEmpty)
    }
  }

  @Test func `a release is told until the tenant is back here, since its target was lost`()
    async throws
  {
    try await withSides { source, target, _ in
      let person = SignInLimits.Subject.person(Self.tenant, "a@x")
      while source.rates.signIns.ask(person) == .allowed {}
      let lineage = Lineage(99)
      let kept = try await source.engine.snapshot(
        Self.tenant, into: source.engine.preparedDirectory(Self.tenant, lineage)
      ).head
      try await target.listen("b", refuses: { $0 == .moveRelease })
      let progress = CellWork.Progress()
      async let moved = source.departures.move(order(at: "b"), progress)
      while source.engine.release(of: Self.tenant) == nil {
        try await Task.sleep(for: .milliseconds(5))
      }
      // For as long as it is told, whoever asks is told the rates, too.
      #expect(source.rates.hasNote(of: Self.tenant))
      let released = source.engine.heads[Self.tenant]
      try await source.engine.install(
        Self.tenant, lineage: lineage, epoch: Epoch(3),
        origin: RestoreOrigin(
          tenant: Self.tenant, lineage: kept.lineage, tenantSeq: kept.tenantSeq, hash: kept.hash,
          isFork: false),
        expected: released)
      do {
        _ = try await moved
        Issue.record("it moved")
      } catch let failure as Failure { #expect(failure.code == .epochStale) }
      #expect(progress.value.step == "adopt")
      #expect(source.engine.servedHeads[Self.tenant]?.epoch == Epoch(3))
      // What was noted then would give the next owner rates of long ago.
      #expect(!source.rates.hasNote(of: Self.tenant))
    }
  }

  @Test func `a target that answers elsewhere by now is told its release there`() async throws {
    try await withSides { source, target, network in
      let hasReleased = Atomic(false)
      try await target.listen("b") { method in
        guard method == .moveRelease else { return false }
        hasReleased.store(true, ordering: .releasing)
        return true
      }
      let hasEnded = Atomic(false)
      let moving = Task {
        defer { hasEnded.store(true, ordering: .releasing) }
        return try await source.departures.move(order(at: "b"), CellWork.Progress())
      }
      while !hasReleased.load(ordering: .acquiring), !hasEnded.load(ordering: .acquiring) {
        await Task.yield()
      }
      // It is gone, and its follower has taken over at another address.
      await target.messenger.close()
      let promoted = InMemoryMessenger(
        identity: PeerIdentity(role: .cell, id: "b", generation: Generation(2)),
        network: network)
      try await target.listen("b2", as: promoted)
      // The control plane asks how far the move is, as it does all the time.
      source.departures.heard(order(at: "b2"))
      _ = try await moving.value
      #expect(target.engine.servedHeads[Self.tenant]?.epoch == Epoch(2))
      #expect(try await target.transfers() == 5)
      // An order that comes late leads nobody astray.
      source.departures.heard(order(at: "nowhere"))
      await promoted.close()
    }
  }
}
