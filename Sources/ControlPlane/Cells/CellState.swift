import Wire

/// Where a cell stands.
enum CellState: String, Hashable, Sendable, CaseIterable {
  /// Has joined and sent no heartbeat yet. May become active.
  case joining
  /// Takes tenants. May become draining.
  case active
  /// Serves its tenants, takes no new ones. May become retired.
  case draining
  /// Gone for good: may not join again.
  case retired
}

/// A cell as the store knows it.
struct CellRecord: Hashable, Sendable {
  let id: CellID
  var region: RegionID
  var address: String
  var generation: Generation
  var state: CellState
  var version: String
  let joinedAt: Timestamp
  /// The map's version at the last change of this row.
  var mapVersion: UInt64

  /// Whether nobody may serve under this name again.
  var isGone: Bool { state == .retired || generation >= .ended }

  /// Throws `invalid_state` where nobody may serve under this name again, whatever a copy of it
  /// still has: its tenants are others' by now.
  func demandNotGone() throws(Failure) {
    guard generation < .ended else {
      throw Failure(.invalidState, "the cell was spread over others, and is no more")
    }
    guard state != .retired else { throw Failure(.invalidState, "the cell is retired") }
  }
}

/// A one-time permission to join; only the SHA-256 of the token is kept.
struct JoinToken: Hashable, Sendable {
  let id: String
  let hash: [UInt8]
  /// Nil: any.
  let cell: CellID?
  let region: RegionID?
  let createdAt: Timestamp
  let expiresAt: Timestamp
  var usedBy: CellID?
  var usedAddress: String?
}

/// Who may join, and as what.
enum JoinRule {
  struct Request: Hashable, Sendable {
    let cell: CellID
    let region: RegionID
    let address: String
    let generation: Generation
    /// Whether the request proves an earlier join.
    let hasValidCredential: Bool
    let hasToken: Bool
    /// The newest format level that the process reads.
    var readsLevel: UInt32 = 1
  }

  enum Decision: Hashable { case admit, admitUsingToken }

  /// What a process hears whose cell was spread over others, or given up while nobody knew what it
  /// had: it stops.
  static let ended = Failure(
    .generationFenced, "the cell was spread over others or given up, and is no more")

  /// Throws `forbidden` without a credential or an unused token, `generation_fenced` for a
  /// generation that has been passed, `format_ceiling` for a program that does not read what others
  /// may write.
  ///
  /// `register`: the generation of the cell's register, which may know what no record does.
  static func decide(
    _ request: Request, token: JoinToken?, known: CellRecord?, register: Generation? = nil,
    ceiling: UInt32 = 1, at now: Timestamp
  ) throws(Failure) -> Decision {
    let fence = [known?.generation, register].compactMap(\.self).max()
    if fence == .ended { throw ended }
    if known?.state == .retired { throw Failure(.forbidden, "the cell is retired") }
    guard request.readsLevel >= ceiling else {
      throw Failure(
        .formatCeiling,
        "level \(ceiling) may be written, and this program reads \(request.readsLevel)")
    }
    if let fence, !GenerationRule.admits(request.generation, known: fence) {
      throw Failure(
        .generationFenced,
        "generation \(fence.rawValue) has taken over from \(request.generation.rawValue)")
    }
    if let known, known.region != request.region {
      throw Failure(.forbidden, "the cell joined in region \(known.region)")
    }
    if request.hasValidCredential { return .admit }
    guard request.hasToken else {
      throw Failure(.forbidden, "a first join needs a join token, a later one the credential")
    }
    guard let token else { throw Failure(.forbidden, "unknown join token") }
    guard token.expiresAt > now else { throw Failure(.forbidden, "the join token has expired") }
    if let cell = token.cell, cell != request.cell {
      throw Failure(.forbidden, "the join token is for another cell")
    }
    if let region = token.region, region != request.region {
      throw Failure(.forbidden, "the join token is for another region")
    }
    if let usedBy = token.usedBy {
      // The answer to the first use may have been lost: the same cell at the same address may
      // repeat it until its first heartbeat shows that it has its credential.
      let isRepeat =
        usedBy == request.cell && token.usedAddress == request.address && known?.state == .joining
      guard isRepeat else { throw Failure(.forbidden, "the join token has been used") }
      return .admit
    }
    guard known == nil else {
      throw Failure(.forbidden, "a cell of this name has joined; it must show its credential")
    }
    return .admitUsingToken
  }
}
