import Wire

/// Something a cell has to make durable: kept until the cell has said that it did.
///
/// A directive names its subject, not its content: what is sent is the subject as it stands then,
/// so a later change replaces an earlier one that the cell never heard of.
struct Directive: Hashable, Sendable {
  enum Kind: String, Hashable, Sendable, CaseIterable {
    case provision
    case tenantState = "tenant_state"
    case sendStop = "send_stop"
  }

  let cell: CellID
  let kind: Kind
  /// A tenant, or `scope/id` of a stop.
  let subject: String
  let version: UInt64
  let createdAt: Timestamp
  let operation: OperationID?
}

/// What to do with a cell's answer to a directive.
enum DirectiveRule {
  enum Outcome: Hashable {
    case acknowledged
    /// Try again: now for a cell that may be back, later for one that refused.
    case retry
  }

  /// A refusal is retried as well: the cell may be recovering, full for a moment, or older; a late
  /// directive is reported as a problem, and never given up silently.
  static func outcome(refusal: FailureCode?) -> Outcome {
    switch refusal {
    // The cell holds the tenant already: the directive's end is reached.
    case nil, .tenantExists: .acknowledged
    default: .retry
    }
  }
}
