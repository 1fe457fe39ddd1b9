import Edge
import Wire

/// What the spread of a lost cell came to; the operation's result.
struct SpreadView: Encodable, Sendable {
  struct Tenant: Encodable, Sendable {
    let tenantID: String
    /// Nil where it fits nowhere.
    let toCell: String?
    let state: String
    let code: String?
    let detail: String?

    enum CodingKeys: String, CodingKey {
      case state, code, detail
      case tenantID = "tenant_id"
      case toCell = "to_cell"
    }

    init(_ row: SpreadTenant) {
      tenantID = row.tenant.rawValue
      toCell = row.to?.cell.rawValue
      state = row.state.rawValue
      code = row.code.isEmpty ? nil : row.code
      detail = row.detail.isEmpty ? nil : row.detail
    }
  }

  /// Webhook parts that waited in the lost cell's spool.
  struct Spool: Encodable, Sendable {
    /// How many wait in another cell's now.
    var parts = 0
    /// What the lost cell's own store may lack, and with it such parts; nil: nothing.
    var missing: String?
    /// Why they do not; nil: they do.
    var failure: String?
  }

  /// What suspended tenants wait for the release of.
  let restore: String
  let restored: Int
  let failed: Int
  /// Who is not back first, then who may lack records; at most a thousand.
  let tenants: [Tenant]
  let spool: Spool
  /// What they keep back until the release.
  let suspended: [SuspendedSends.Tenant]
  let suspendedCount: Int
  /// Cells that did not say what waits there.
  let uncounted: [String]

  enum CodingKeys: String, CodingKey {
    case restore, restored, failed, tenants, spool, suspended, uncounted
    case suspendedCount = "suspended_count"
  }

  init(_ cell: CellID, _ rows: [SpreadTenant], _ spool: Spool, _ sends: SuspendedSends) {
    (suspended, suspendedCount, uncounted) = (sends.tenants, sends.count, sends.uncounted)
    restore = CellSpreadCommands.name(cell)
    let back = rows.filter { $0.state == .done }
    let others = rows.filter { $0.state != .done }
    restored = back.count
    failed = others.count
    let lacking = back.filter { !$0.code.isEmpty }
    let whole = back.filter { $0.code.isEmpty }
    tenants = (others + lacking + whole).prefix(ControlPlaneLimits.listMaximum).map(Tenant.init)
    self.spool = spool
  }
}

/// What a cell says of the tenants that it takes over, also while it is at it.
struct SpreadAnswer: Decodable, Sendable {
  struct Failed: Decodable, Sendable {
    let tenantID: String
    let code: String
    let detail: String
    /// The cell that may have it instead.
    let leaving: String?

    enum CodingKeys: String, CodingKey {
      case code, detail, leaving
      case tenantID = "tenant_id"
    }
  }

  let restored: [String]
  /// There by the move that was under way; nil: by a version that does not look.
  let adopted: [String]?
  let failed: [Failed]
  /// Restored, and perhaps without their last records; nil: none.
  let incomplete: [Failed]?

  /// Nil where it has said nothing yet.
  init?(_ text: String) {
    guard !text.isEmpty, let answer = try? EdgeJSON.decode(Self.self, from: Array(text.utf8)) else {
      return nil
    }
    self = answer
  }
}
