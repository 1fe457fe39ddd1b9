import Archive
import Logging
import Messaging
import Platform
import Storage
import Synchronization
import Wire

/// A primary's replication: may it serve, who has to acknowledge, who is how far.
final class Replication: Sendable {
  let configuration: ReplicationConfiguration
  /// Shared with the engine's gate.
  let modes: DurabilityModes
  let cell: CellID
  private let directory: String
  let generation: Generation
  private let files: any FileSystem
  let file: ReplicaFile
  let register: RegisterLink
  let links: [FollowerLink]
  private let clock: any WallClock
  let logger: Logger
  let state: Mutex<State>
  /// Where other processes reach this one.
  let address: @Sendable () -> String
  private let fatal: @Sendable (String) -> Void

  struct State {
    var replica: ReplicaState
    var standings: [String: FollowerStanding]
    /// What an asked follower must have before the register may name it: at or before this,
    /// records may have been acknowledged without it.
    var askedFrom: [String: CellSeq] = [:]
    /// Followers that lacked, at the last look, what whoever the register names must have.
    var lacking: Set<String> = []
    var register: CellRegister?
    var stop: ReplicationStop?
    var missingSince: [String: Timestamp] = [:]
    var areModesKnown = false
  }

  init(
    _ configuration: ReplicationConfiguration, cell: CellID, directory: String,
    state replica: ReplicaState, messenger: any Messenger, controlPlane: Address,
    archive: Archive?, files: any FileSystem, clock: any WallClock, logger: Logger,
    address: @escaping @Sendable () -> String, fatal: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    modes = DurabilityModes(cell: configuration.mode)
    self.cell = cell
    self.directory = directory
    generation = replica.generation
    self.files = files
    file = ReplicaFile(directory: directory, files: files)
    register = RegisterLink(
      peer: messenger.peer(at: controlPlane), cell: cell, replica: configuration.replica,
      generation: replica.generation)
    links = configuration.peers.map { peer in
      FollowerLink(
        peer, peer: messenger.peer(at: peer.address), cell: cell, replica: configuration.replica,
        generation: replica.generation, began: replica.began, archive: archive,
        logger: logger)
    }
    self.clock = clock
    self.logger = logger
    self.address = address
    self.fatal = fatal
    var standings: [String: FollowerStanding] = [:]
    for peer in configuration.peers {
      standings[peer.replica] = FollowerStanding(isAsked: replica.asked.contains(peer.replica))
    }
    state = Mutex(State(replica: replica, standings: standings))
  }

  var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// Why this process must not serve any more.
  var stop: ReplicationStop? { state.withLock { $0.stop } }

  // MARK: Starting

  /// Waits until the start rule lets this replica serve, and fetches what a follower has more.
  ///
  /// Before the engine opens the journal. Throws ``ReplicationStop``.
  func prepare() async throws {
    let fatal = fatal
    let journal = try JournalCopying.open(
      dataDirectory: directory, cell: cell, generation: generation, files: files,
      fatal: { fatal("\($0)") })
    defer { journal.close() }
    var said = ""
    let patience = ContinuousClock.now + .milliseconds(configuration.deadlineMilliseconds)
    while true {
      try Task.checkCancellation()
      let mayDegrade = configuration.degrades && .now > patience
      switch try await decide(journal, mayDegrade: mayDegrade) {
      case .serve: return
      case .fetch(let follower): try await fetch(follower, into: journal)
      case .fenced(let generation): throw ReplicationStop.fenced(generation)
      case .diverged(let follower): throw ReplicationStop.diverged(follower)
      case .wait(let reason):
        if reason != said { logger.warning("the start waits", metadata: ["reason": "\(reason)"]) }
        said = reason
        try await Task.sleep(for: ReplicationLimits.startPause)
      }
    }
  }

  private func decide(
    _ journal: Journal, mayDegrade: Bool
  ) async throws -> StartRule.Decision {
    var asked: [String: StartRule.Answer] = [:]
    var others: [StartRule.Answer] = []
    for link in links {
      let answer: StartRule.Answer
      if let state = await link.hello(group: journal.end.group) {
        answer = .follower(
          Generation(state.generation), try FollowerLink.tail(of: state, in: journal))
      } else {
        answer = .silent
      }
      if isAsked(link.name) { asked[link.name] = answer } else { others.append(answer) }
    }
    do throws(Failure) {
      let register = try await register.report(report())
      state.withLock { $0.register = register }
      others.append(.generation(register.generation))
    } catch {
      others.append(.silent)
    }
    // Only this primary's own compare-and-set shuts out one of an earlier life that is still on
    // its way: to read that a follower is not named is not enough.
    var released: Set<String> = []
    let named = state.withLock { $0.register?.promotable }
    for (name, answer) in asked where answer == .silent {
      guard mayDegrade || named?.contains(name) == false else { continue }
      if await release(name) { released.insert(name) }
    }
    return StartRule.decide(
      generation: generation, asked: asked, others: others, released: released,
      isBroken: Sabotage.skipGenerationCheck.isOn)
  }

  private func fetch(_ follower: String, into journal: Journal) async throws {
    guard let link = links.first(where: { $0.name == follower }) else { return }
    let groups = try await link.fetch(after: journal.end.group)
    for group in groups {
      let outcome = await withCheckedContinuation { caller in
        journal.append(group) { caller.resume(returning: $0) }
      }
      guard case .durable = outcome else { throw ReplicationStop.diverged(follower) }
    }
    logger.notice(
      "fetched what a follower had more",
      metadata: ["follower": "\(follower)", "groups": "\(groups.count)"])
  }

  private func isAsked(_ follower: String) -> Bool {
    state.withLock { $0.standings[follower]?.isAsked ?? false }
  }

  // MARK: Serving

  /// Feeds the followers and keeps the register, until the task is cancelled or must stop.
  ///
  /// `claimed`: a higher generation in the archive, believed where the register cannot be asked.
  func run(_ journal: Journal, claimed: @escaping @Sendable () -> Generation?) async {
    // Of what an earlier life acknowledged without a follower nothing lies behind this.
    let last = journal.lastSeq
    state.withLock { state in
      for (name, standing) in state.standings where standing.isAsked {
        state.askedFrom[name] = last
      }
    }
    await withTaskGroup(of: Void.self) { group in
      for link in links {
        group.addTask {
          let stop = await link.run(journal) { self.isAsked(link.name) }
          if let stop { self.halt(stop, journal) }
        }
      }
      group.addTask { await self.watch(journal, claimed) }
    }
  }

  /// Waits until those who are asked have everything that is in the journal now.
  func waitForFollowers(_ journal: Journal) async throws {
    let end = journal.lastSeq
    while true {
      try Task.checkCancellation()
      if let stop { throw stop }
      let isComplete = journal.gate.required.allSatisfy {
        (journal.gate.acknowledged(by: $0) ?? CellSeq(0)) >= end
      }
      if isComplete { return }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  private func halt(_ stop: ReplicationStop, _ journal: Journal) {
    let isFirst = state.withLock { state in
      defer { state.stop = state.stop ?? stop }
      return state.stop == nil
    }
    guard isFirst else { return }
    logger.critical("this replica serves no more", metadata: ["reason": "\(stop)"])
    journal.gate.fence()
  }

  /// A higher generation has been met anywhere: nothing is acknowledged any more.
  func met(_ other: Generation, _ journal: Journal?) {
    guard other > generation, !Sabotage.skipGenerationCheck.isOn, let journal else { return }
    halt(.fenced(other), journal)
  }

  private func watch(_ journal: Journal, _ claimed: @Sendable () -> Generation?) async {
    var reportAt = ContinuousClock.now
    while !Task.isCancelled, stop == nil {
      if .now >= reportAt {
        reportAt = .now + ReplicationLimits.reportInterval
        await reportAndLearn(journal, claimed)
        // An idle follower may have been promoted by somebody this process does not hear.
        for link in links where link.current.isStreaming {
          if let state = await link.hello() { met(Generation(state.generation), journal) }
        }
      }
      for link in links { await look(link, journal) }
      try? await Task.sleep(for: ReplicationLimits.lookInterval)
    }
  }

  private func reportAndLearn(_ journal: Journal, _ claimed: () -> Generation?) async {
    do throws(Failure) {
      let register = try await register.report(report(journal, claimed: claimed()))
      state.withLock { $0.register = register }
      met(register.generation, journal)
    } catch  where error.code == .generationFenced {
      met(Generation(generation.rawValue + 1), journal)
    } catch {
      if let other = claimed() { met(other, journal) }
    }
  }

  /// Whether the tenant's records wait for the followers that are asked.
  func waitsForFollowers(_ tenant: TenantID) -> Bool {
    modes.mode(of: tenant) == .follower
  }

  /// The tenants' own modes have been read back.
  func modesAreKnown() { state.withLock { $0.areModesKnown = true } }

  /// Whether a tenant that waits for followers finds one here: it is asked, or will be at once.
  func keepsFollower(_ journal: Journal?) -> Bool {
    guard askedNow.isEmpty else { return true }
    let last = journal?.lastSeq ?? CellSeq(0)
    return links.contains { link in
      let sight = link.current
      return sight.isStreaming && sight.recordsBehind(last) <= ReplicationLimits.closeRecords
    }
  }

  /// Waits until a follower's acknowledgement is asked, where one is near; answers whether.
  func untilAsked() async -> Bool {
    let end = ContinuousClock.now + ReplicationLimits.askPatience
    while askedNow.isEmpty {
      guard ContinuousClock.now < end,
        (try? await Task.sleep(for: ReplicationLimits.promptLook)) != nil
      else { return false }
    }
    return true
  }

  /// What the engine's gate holds to; `asked` must acknowledge from the start.
  func gate(asked: Set<String>) -> FollowerGate.Configuration {
    var gate = FollowerGate.Configuration()
    gate.modes = modes
    gate.deadlineNanoseconds = configuration.deadlineMilliseconds * 1_000_000
    gate.required = asked
    return gate
  }

  var askedNow: Set<String> { state.withLock { $0.replica.asked } }
}
