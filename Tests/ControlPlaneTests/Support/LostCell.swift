import Testing
import Wire

@testable import ControlPlane

/// Three cells, of which the first has tenants and dies.
struct LostCell {
  static let spread = #"{"spread":true,"old_is_dead":true}"#

  var deployment: Deployment
  let old: FakeCell
  let others: [FakeCell]
  let tenants: [String]

  func beat() async throws {
    for cell in others { try await cell.heartbeat(deployment.control) }
  }
  func operation(_ id: String) async throws -> Answer {
    try await deployment.admin("GET", "/v1/operations/\(id)")
  }
  func place(_ tenant: String) async throws -> String {
    let shown = try await deployment.admin("GET", "/v1/tenants/\(tenant)")
    return "\(try shown.text("cell"))/\(try shown.root()["epoch"]?.integer ?? 0)"
  }
  /// What each of the others was asked to take.
  func asked() -> [String: Set<String>] {
    Dictionary(
      uniqueKeysWithValues: others.map { cell in
        (
          cell.id,
          Set(
            cell.seen.work.filter { $0.kind == "cell_spread" }.flatMap {
              $0.tenants.map(\.tenant)
            })
        )
      })
  }

  /// `alive`: what is done before it dies.
  static func make(
    tenants count: Int = 4,
    alive: (Deployment, FakeCell, [String]) async throws -> Void = { _, _, _ in }
  ) async throws -> LostCell {
    let deployment = try await Deployment()
    let old = try await deployment.cell("cell-a")
    let others = [try await deployment.cell("cell-b"), try await deployment.cell("cell-c")]
    var tenants: [String] = []
    for index in 0..<count {
      tenants.append(try await deployment.tenant("t\(index)", cell: "cell-a"))
    }
    let early = try await deployment.admin(
      "POST", "/v1/cells/cell-a/restore", Self.spread, key: "early")
    #expect(try early.code() == "invalid_state")
    try await alive(deployment, old, tenants)
    deployment.boot.advance(milliseconds: 60_000)
    let lost = LostCell(deployment: deployment, old: old, others: others, tenants: tenants)
    try await lost.beat()
    for cell in others {
      cell.change {
        $0.answersByKind["load"] = status("failed")
        $0.answersByKind["cell_end"] = status("done", #"{"cell_seq":7}"#)
        $0.answersByKind["cell_spread"] = status("running")
        $0.answersByKind["cell_spool"] = status("done", #"{"parts":3}"#)
      }
    }
    return lost
  }

  // What cells answer.

  static func status(
    _ state: String, _ result: String = "", step: String = ""
  ) -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = state
    status.result = result
    status.step = step
    return status
  }

  static func answer(_ back: [String], _ failed: [String] = []) -> String {
    let list = back.map { #""\#($0)""# }.joined(separator: ",")
    let others = failed.map {
      #"{"tenant_id":"\#($0)","code":"verification_failed","detail":"a digest differs"}"#
    }.joined(separator: ",")
    return #"{"restored":[\#(list)],"failed":[\#(others)],"records":1,"bytes":2}"#
  }
}
