import Wire

/// One tenant of a cell that is lost for good, and what becomes of it.
///
/// The row outlasts the operation: who did not come back is tried again where it was to go, under
/// the epoch that it has there.
package struct SpreadTenant: Hashable, Sendable {
  package enum State: String, Hashable, Sendable {
    /// Its new cell brings it back. May become `done`, `failed`.
    case planned
    /// It is placed at its new cell.
    case done
    /// It is not back: ``code`` says why. A later operation may make it `planned`.
    case failed
  }

  /// The lost cell.
  package let cell: CellID
  package let tenant: TenantID
  /// The last one that took it on.
  package var operation: OperationID
  /// Under which the lost cell served it.
  package var from: Epoch
  /// Where it goes, under which epoch; nil: nowhere yet.
  package var to: Placement?
  package var state: State
  /// Why it failed; where it is planned, why it was sent elsewhere; where it is done, what it may
  /// lack; else empty.
  package var code = ""
  package var detail = ""

  package init(
    cell: CellID, tenant: TenantID, operation: OperationID, from: Epoch, to: Placement?,
    state: State, code: String = "", detail: String = ""
  ) {
    self.cell = cell
    self.tenant = tenant
    self.operation = operation
    self.from = from
    self.to = to
    self.state = state
    self.code = code
    self.detail = detail
  }

  package mutating func succeed(lacking: (code: String, detail: String)? = nil) {
    state = .done
    (code, detail) = lacking ?? ("", "")
  }

  package mutating func fail(_ failure: Failure) {
    state = .failed
    code = failure.code.rawValue
    detail = failure.detail
  }
}
