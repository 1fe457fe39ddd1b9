import Wire

/// What an upgrade or rollback was asked for; its operation says how far it has come.
struct UpgradeRecord: Hashable, Sendable {
  let id: OperationID
  /// Back to what ran before: nothing is measured.
  let isRollback: Bool
  /// How long a wave is watched before the next begins.
  let soakMilliseconds: Int64
}

/// One process that is to run another version.
struct UpgradeMember: Hashable, Sendable {
  enum State: String, Hashable, Sendable {
    /// May become `asked`, `failed`.
    case planned
    /// It is told from the next round on, and starts again. May become `watched`, `failed`; of a
    /// rollback `confirming`.
    case asked
    /// It runs the version. May become `confirming`, `failed`.
    case watched
    /// It was judged good: it is told that the version stays. May become `done`, `failed`.
    case confirming
    case done
    case failed
    /// Its cell was retired meanwhile.
    case skipped

    var isOpen: Bool { self != .done && self != .failed && self != .skipped }
  }

  /// The replica's name, which stays the same whichever of them leads the cell; of a cell without
  /// followers the cell's.
  let name: String
  let cell: CellID
  /// What it was when the operation began.
  let isFollower: Bool
  let wave: Int
  let from: String
  let to: String
  var state: State = .planned
  /// Since when it is in this state.
  var since: Timestamp
  /// What the cell answered while it was watched before anything was changed.
  var before = UpgradeRule.Counts()
  /// What it had counted when watching began.
  var begin = UpgradeRule.Counts()
  /// What it answered since then.
  var seen = UpgradeRule.Counts()
  /// When the process that is watched started.
  var startedAt: Int64 = 0
  /// The cell's problems before, separated by blanks.
  var problems = ""
  var detail = ""

  var knownProblems: Set<String> { Set(problems.split(separator: " ").map(String.init)) }

  mutating func become(_ next: State, at now: Timestamp, _ detail: String = "") {
    state = next
    since = now
    if !detail.isEmpty { self.detail = detail }
  }
}

/// The body of `POST /v1/upgrades`.
struct UpgradeInput: Decodable, Sendable {
  let version: String
  /// Absent: all.
  let cells: [CellID]?
  let canary: CellID?
  let waveSize: Int?
  let soakSeconds: Int64?
  let reason: String?

  enum CodingKeys: String, CodingKey {
    case version, cells, canary, reason
    case waveSize = "wave_size"
    case soakSeconds = "soak_seconds"
  }
}

/// The body of `POST /v1/rollbacks`.
struct RollbackInput: Decodable, Sendable {
  /// The upgrade that is taken back; absent: the last one.
  let operationID: String?
  let reason: String?

  enum CodingKeys: String, CodingKey {
    case reason
    case operationID = "operation_id"
  }

  static let empty = RollbackInput(operationID: nil, reason: nil)
}

/// What an upgrade or rollback came to.
struct UpgradeView: Codable, Sendable {
  struct Member: Codable, Sendable {
    let id: String
    let cell: String
    let wave: Int
    let fromVersion: String
    let toVersion: String
    let state: String
    let requests: UInt64
    let failedRequests: UInt64
    let detail: String

    enum CodingKeys: String, CodingKey {
      case id, cell, wave, state, requests, detail
      case fromVersion = "from_version"
      case toVersion = "to_version"
      case failedRequests = "failed_requests"
    }
  }
  let members: [Member]
  let requestsBefore: UInt64
  let failedRequestsBefore: UInt64

  enum CodingKeys: String, CodingKey {
    case members
    case requestsBefore = "requests_before"
    case failedRequestsBefore = "failed_requests_before"
  }

  init(_ members: [UpgradeMember]) {
    self.members = members.map {
      Member(
        id: $0.name, cell: $0.cell.rawValue, wave: $0.wave, fromVersion: $0.from,
        toVersion: $0.to, state: $0.state.rawValue, requests: $0.seen.requests,
        failedRequests: $0.seen.failed, detail: $0.detail)
    }
    let before = members.reduce(UpgradeRule.Counts()) { $0 + $1.before }
    requestsBefore = before.requests
    failedRequestsBefore = before.failed
  }
}
