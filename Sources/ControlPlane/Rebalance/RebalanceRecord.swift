import Wire

/// What a drain or a rebalance was asked for; its operation says how far it has come.
struct RebalanceRecord: Hashable, Sendable {
  let id: OperationID
  /// The cell that is emptied; nil: loads are balanced.
  let cell: CellID?
  /// Nil: every region.
  let region: RegionID?
  let isDryRun: Bool
  /// Moves for balance at most.
  let maximumMoves: Int
}

/// One move that was planned, and what became of it.
struct PlannedMove: Hashable, Sendable {
  enum State: String, Hashable, Sendable {
    /// May become `moving`, `skipped`.
    case planned
    /// Its move's operation runs. May become `done`, `planned` (once more), `failed`.
    case moving
    case done
    /// Given up after several attempts.
    case failed
    /// Somebody else has moved it, or it is gone.
    case skipped

    var isOpen: Bool { self == .planned || self == .moving }
  }

  let tenant: TenantID
  let from: CellID
  let to: CellID
  let reason: RebalancePlan.Reason
  var state: State = .planned
  /// The move's own operation, the last one.
  var move: OperationID?
  var attempts = 0
  /// Not before this time.
  var notBefore = Timestamp(milliseconds: 0)
  /// Why the last attempt failed.
  var detail = ""
}

/// Which planned moves begin now.
enum RebalancePace {
  /// Those that may begin, in the order of the plan: no more under way than `total`, nor than
  /// `perCell` out of one cell.
  static func next(
    _ moves: [PlannedMove], at now: Timestamp,
    total: Int = ControlPlaneLimits.rebalanceMovesUnderWay,
    perCell: Int = ControlPlaneLimits.rebalanceMovesPerCell
  ) -> [PlannedMove] {
    var out: [CellID: Int] = [:]
    var into: [CellID: Int] = [:]
    var underWay = 0
    for move in moves where move.state == .moving {
      out[move.from, default: 0] += 1
      into[move.to, default: 0] += 1
      underWay += 1
    }
    var chosen: [PlannedMove] = []
    for move in moves where move.state == .planned && move.notBefore <= now {
      guard underWay < total else { break }
      guard out[move.from, default: 0] < perCell, into[move.to, default: 0] < 2 * perCell else {
        continue
      }
      out[move.from, default: 0] += 1
      into[move.to, default: 0] += 1
      underWay += 1
      chosen.append(move)
    }
    return chosen
  }

  /// What becomes of a move whose attempt has failed.
  static func failed(_ move: PlannedMove, _ failure: Failure?, at now: Timestamp) -> PlannedMove {
    var next = move
    // A cell that is away for a while is waited for.
    if failure?.code != .cellUnavailable { next.attempts += 1 }
    next.detail = failure.map { "\($0.code.rawValue): \($0.detail)" } ?? "cancelled"
    let isLast = next.attempts >= ControlPlaneLimits.rebalanceAttempts || failure == nil
    next.state = isLast ? .failed : .planned
    let pause = ControlPlaneLimits.rebalancePauseMilliseconds << Int64(min(next.attempts, 8))
    next.notBefore = Timestamp(milliseconds: now.milliseconds + pause)
    return next
  }
}

/// The body of `POST /v1/rebalances`.
struct RebalanceInput: Decodable, Sendable {
  let dryRun: Bool?
  let region: RegionID?
  let maximumMoves: Int?
  let reason: String?

  enum CodingKeys: String, CodingKey {
    case region, reason
    case dryRun = "dry_run"
    case maximumMoves = "max_moves"
  }

  static let empty = RebalanceInput(dryRun: nil, region: nil, maximumMoves: nil, reason: nil)
}

/// What a drain or a rebalance came to, or would come to.
struct RebalanceView: Codable, Sendable {
  struct Move: Codable, Sendable {
    let tenantID: String
    let fromCell: String
    let toCell: String
    let reason: String
    let state: String
    let detail: String

    enum CodingKeys: String, CodingKey {
      case reason, state, detail
      case tenantID = "tenant_id"
      case fromCell = "from_cell"
      case toCell = "to_cell"
    }

    init(_ move: PlannedMove) {
      tenantID = move.tenant.rawValue
      fromCell = move.from.rawValue
      toCell = move.to.rawValue
      reason = move.reason.rawValue
      state = move.state.rawValue
      detail = move.detail
    }
  }
  struct Unplaced: Codable, Sendable {
    let tenantID: String
    let fromCell: String
    let reason: String

    enum CodingKeys: String, CodingKey {
      case reason
      case tenantID = "tenant_id"
      case fromCell = "from_cell"
    }
  }
  struct Gap: Codable, Sendable {
    let cell: String
    let lacks: String
  }
  struct Cell: Codable, Sendable {
    let cell: String
    /// Hundredths of the cell's capacity.
    let loadBeforePercent: Int
    let loadAfterPercent: Int

    enum CodingKeys: String, CodingKey {
      case cell
      case loadBeforePercent = "load_before_percent"
      case loadAfterPercent = "load_after_percent"
    }
  }

  /// Of all moves; `moves` lists the first thousand.
  var moveCount: Int
  var moves: [Move]
  let unplaced: [Unplaced]
  /// Cells whose loss the others could not take.
  let headroomGaps: [Gap]
  let cells: [Cell]

  enum CodingKeys: String, CodingKey {
    case moves, unplaced, cells
    case moveCount = "move_count"
    case headroomGaps = "headroom_gaps"
  }

  init(_ plan: RebalancePlan) {
    moveCount = plan.moves.count
    moves = plan.moves.prefix(ControlPlaneLimits.listMaximum).map {
      Move(PlannedMove(tenant: $0.tenant, from: $0.from, to: $0.to, reason: $0.reason))
    }
    unplaced = plan.unplaced.prefix(ControlPlaneLimits.listMaximum).map {
      Unplaced(
        tenantID: $0.tenant.rawValue, fromCell: $0.from.rawValue, reason: $0.reason.rawValue)
    }
    headroomGaps = plan.gaps.map { Gap(cell: $0.cell.rawValue, lacks: $0.lacks) }
    cells = plan.shares.map {
      Cell(
        cell: $0.cell.rawValue, loadBeforePercent: Int(($0.before * 100).rounded()),
        loadAfterPercent: Int(($0.after * 100).rounded()))
    }
  }

  /// The same plan with what became of its moves.
  func settled(_ moves: [PlannedMove]) -> RebalanceView {
    var view = self
    view.moveCount = moves.count
    // What failed first: that is what somebody has to read.
    let ordered = moves.filter { $0.state == .failed } + moves.filter { $0.state != .failed }
    view.moves = ordered.prefix(ControlPlaneLimits.listMaximum).map(Move.init)
    return view
  }
}
