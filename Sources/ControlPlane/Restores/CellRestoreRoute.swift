import Edge
import Hummingbird
import Storage
import Wire

/// `POST /v1/cells/{id}/restore`: a cell whose disk was lost comes back from the archive, on a
/// process with an empty disk, under the next generation; or its tenants go to the other cells.
struct CellRestoreRoute: Sendable {
  struct Input: Decodable, Sendable {
    /// The operator states that the old process is stopped and stays so.
    let oldIsDead: Bool?
    /// Over the other cells, for good, and not onto a new disk of this one.
    let spread: Bool?
    let reason: String?

    enum CodingKeys: String, CodingKey {
      case reason, spread
      case oldIsDead = "old_is_dead"
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/cells/:id/restore", use: restore)
  }

  /// What suspended tenants wait for the release of.
  static func name(_ cell: CellID, _ generation: Generation) -> String {
    "\(cell)@\(generation.rawValue)"
  }

  @Sendable private func restore(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let input =
      body.bytes.isEmpty
      ? Input(oldIsDead: nil, spread: nil, reason: nil) : try body.decode(Input.self)
    let reason = try AdminInput.reason(input.reason)
    guard let cell = CellID(try context.parameter("id")) else {
      throw Failure(.notFound, "no such cell")
    }
    let command = try AdminCommand(request, body, context, services)
    if input.spread == true {
      return try await CellSpreadCommands(services: services)
        .spread(cell, oldIsDead: input.oldIsDead == true, reason: reason, command).accepted
    }
    if let earlier = try await command.earlierAnswer() { return earlier.response }
    guard input.oldIsDead == true else {
      throw Failure(
        .invalidState,
        "what the old process had and the archive has not is lost, and it must not send any more;"
          + " state that it is stopped with old_is_dead")
    }
    guard let sight = services.replicas.lost(of: cell) else {
      throw Failure(
        .invalidState, "no process of this cell reports an empty disk: start one on the new one")
    }
    let answer = try await command.perform { transaction, rows in
      guard var record = try rows.cell(cell) else { throw Failure(.notFound, "no such cell") }
      guard record.generation < .ended else {
        throw Failure(.invalidState, "the cell was spread over others, and is no more")
      }
      let register = try rows.register(of: cell)
      let highest =
        [record.generation, sight.generation, register?.generation].compactMap { $0 }
        .max() ?? record.generation
      let generation = Generation(highest.rawValue + 1)
      // From here on an older process may neither join nor report, and routers fence it.
      record.generation = generation
      record.address = sight.address
      record.mapVersion = try rows.raiseVersion()
      try rows.put(record)
      if let register {
        try rows.put(
          CellRegister(
            cell: cell, generation: generation, primary: sight.replica,
            version: register.version + 1))
      }
      let operation = try rows.begin(
        .cellRestore, cell.rawValue, total: 0, unit: "tenants", transaction)
      try rows.put(
        RestoreRecord(
          id: operation.id, tenant: .wholeCell, target: .wholeCell, cell: cell,
          at: Self.name(cell, generation), mode: .swap, accept: true, releasedAt: nil))
      try rows.append(
        command.audit(
          "cell.restore", cell.rawValue,
          "generation \(generation.rawValue), stated: the old process is stopped"
            + (reason.isEmpty ? "" : ": \(reason)")),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
    if let record = try await services.store.read({ try $0.cell(cell) }) {
      services.roster.set(record)
    }
    try await services.map.refresh()
    return answer.accepted
  }
}

extension TenantID {
  /// Stands in a restore's record where it is of every tenant of a cell.
  static let wholeCell = TenantID(trusted: "")
}
