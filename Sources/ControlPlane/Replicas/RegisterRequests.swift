import Logging
import Messaging
import Platform
import Storage
import Wire

/// What replicas ask about their cell's register: one command each, so that two who ask at once are
/// one after the other.
struct RegisterRequests: Sendable {
  let store: PlatformStore
  let replicas: ReplicaRoster
  let logger: Logger

  /// Takes note of a replica; the first primary of a cell makes its register.
  func report(
    _ report: Aimstors_ProtoReplicaReport, from peer: PeerIdentity, trace: String
  ) async throws(Failure) -> Aimstors_ProtoCellRegister {
    let cell = try admit(peer, cell: report.cell, replica: report.replica)
    replicas.heard(report, of: cell, isFollower: peer.role == .follower)
    let (register, mixed, claimed) = try await store.read {
      (try $0.register(of: cell), try $0.isMixed(cell), try $0.archivedGeneration(of: cell))
    }
    let claim = Generation(report.claimed)
    if claim > claimed ?? .first, claim < .ended, report.isPrimary,
      report.replica == register?.primary
    {
      logger.warning(
        "a cell's journal is claimed under a generation that nobody was given here",
        metadata: ["cell": "\(cell)", "generation": "\(claim.rawValue)"])
      try await store.write(trace: trace) { _, rows in try rows.heardClaim(claim, of: cell) }
    }
    let isMixed = report.areModesUnknown ? nil : report.isMixed
    if let register {
      replicas.reported(
        report.replica, of: cell, isNamed: register.promotable.contains(report.replica))
    }
    if let known = register {
      if let isMixed, report.isPrimary, report.replica == known.primary, mixed != isMixed,
        Generation(report.generation) == known.generation
      {
        // A drain of a dead cell asks for it, perhaps after a restart of this process.
        try await store.write(trace: trace) { _, rows in
          try rows.put(isMixed: isMixed, of: cell)
        }
      }
      guard report.isPrimary, Generation(report.generation) > known.generation else {
        return known.proto
      }
      // Only the control plane raises a generation: this register is a copy from before that.
      let promoted = CellRegister(
        cell: cell, generation: Generation(report.generation), primary: report.replica,
        version: known.version + 1)
      try await store.write(trace: trace) { _, rows in
        if let now = try rows.register(of: cell), now.generation >= promoted.generation { return }
        try rows.put(promoted)
      }
      return promoted.proto
    }
    guard report.isPrimary else {
      throw Failure(.notFound, "no primary of cell \(cell) has reported")
    }
    let first = CellRegister(
      cell: cell, generation: Generation(report.generation), primary: report.replica)
    let made = try await store.write(trace: trace) { _, rows in
      if let known = try rows.register(of: cell) { return known }
      try rows.put(first)
      if let isMixed { try rows.put(isMixed: isMixed, of: cell) }
      return first
    }
    return made.proto
  }

  /// Keeps what named followers have reached, where that is news: the next process is to know it
  /// before they report.
  func keepReached(trace: String) async throws(Failure) {
    let reached = replicas.reached()
    let news = try await store.read { rows -> [ReachedSeq] in
      let kept = try rows.reached()
      return try reached.flatMap { cell, replicas -> [ReachedSeq] in
        let named = try rows.register(of: cell)?.promotable ?? []
        return replicas.filter { replica, seq in
          named.contains(replica) && seq > kept[cell]?[replica] ?? 0
        }.map { ReachedSeq(cell: cell, replica: $0.key, seq: $0.value) }
      }
    }
    guard !news.isEmpty else { return }
    try await store.write(trace: trace) { _, rows in for one in news { try rows.keep(one) } }
  }

  /// One compare-and-set of a primary.
  func change(
    _ request: Aimstors_ProtoRegisterChange, from peer: PeerIdentity, trace: String
  ) async throws(Failure) -> Aimstors_ProtoCellRegister {
    let cell = try admit(peer, cell: request.cell, replica: request.replica)
    let change: CellRegister.Change
    switch request.change {
    case "degrade": change = .degrade(request.follower)
    case "add": change = .add(request.follower)
    default: throw Failure(.invalidRequest, "no change of a register is called \(request.change)")
    }
    let register = try await store.write(trace: trace) { _, rows in
      guard var register = try rows.register(of: cell) else {
        throw Failure(.notFound, "no primary of cell \(cell) has reported")
      }
      let isOpen = Sabotage.skipGenerationCheck.isOn
      guard register.primary == request.replica || isOpen else {
        throw Failure(.generationFenced, "\(register.primary) is the primary of \(cell)")
      }
      do throws(CellRegister.Refusal) {
        try register.compareAndSet(
          change, expecting: request.version,
          from: isOpen ? nil : Generation(request.generation))
      } catch {
        throw Failure(error)
      }
      try rows.put(register)
      return register
    }
    logger.notice(
      "a register was changed",
      metadata: [
        "cell": "\(cell)", "change": "\(request.change)", "follower": "\(request.follower)",
        "version": "\(register.version)",
      ])
    return register.proto
  }

  private func admit(
    _ peer: PeerIdentity, cell: String, replica: String
  ) throws(Failure) -> CellID {
    guard let id = CellID(cell), CellID(replica) != nil else {
      throw Failure(.invalidRequest, "a replica names its cell and itself")
    }
    switch peer.role {
    case .cell where peer.id == cell: return id
    case .follower where peer.id == replica: return id
    default: throw Failure(.forbidden, "only a replica itself reports as \(replica)")
    }
  }
}

extension CellRegister {
  var proto: Aimstors_ProtoCellRegister {
    var message = Aimstors_ProtoCellRegister()
    message.cell = cell.rawValue
    message.generation = generation.rawValue
    message.primary = primary
    message.promotable = promotable.sorted()
    message.version = version
    return message
  }
}

extension Failure {
  init(_ refusal: CellRegister.Refusal) {
    switch refusal {
    case .changed(let now):
      self.init(.conflict, "the register has version \(now.version) by now")
    case .fenced(let generation):
      self.init(.generationFenced, "generation \(generation.rawValue) has taken over")
    case .notPromotable:
      self.init(
        .invalidState, "this follower may lack what was acknowledged: it is not promotable")
    case .isPrimary: self.init(.invalidState, "this replica is the primary")
    }
  }
}
