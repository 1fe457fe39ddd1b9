import GraphSimulator

extension ChaosTenant {
  static let cells = ["cell-1", "cell-2"]
  static let moveSeconds = 90

  /// A move that was begun.
  struct Move {
    let operation: String
    let source: String
    let target: String
  }

  /// What a source says that a busy machine has kept from moving a tenant: to be ordered again.
  private static let busy = ["overloaded", "deadline_exceeded"]

  /// Moves the tenant to another cell while nothing is broken; throws where it does not succeed.
  ///
  /// A busy machine's moves may end at their source, which is no fault: they are ordered again.
  @discardableResult
  func moveInHealth(_ key: String, _ client: SystemClient) async throws -> Move {
    var ended = JSON.null
    for attempt in 1...StepTrap.attempts {
      let move = try await beginMove("\(key)-\(attempt)", client)
      if try await Self.end(move.operation, client) == "succeeded" { return move }
      ended = try await client.admin("GET", "/v1/operations/\(move.operation)")
      guard Self.busy.contains(ended["error"]?["code"]?.string ?? "") else { break }
      try await Task.sleep(for: StepTrap.betweenAttempts)
    }
    throw ChaosFailure("a move in full health did not succeed: \(ended.serialized())")
  }

  /// Begins a move to the other cell.
  func beginMove(
    _ key: String, _ client: SystemClient, seconds: Int = moveSeconds
  ) async throws -> Move {
    var move = Move(operation: "", source: "", target: "")
    // Right after a start cells are not yet alive to the control plane.
    try await wait("\(name) may move", seconds: seconds) {
      let source = try await client.admin("GET", "/v1/tenants/\(id)")["cell"]?.string ?? ""
      let target = Self.cells.first { $0 != source } ?? ""
      do {
        let begun = try await client.admin(
          "POST", "/v1/tenants/\(id)/moves", ["to_cell": JSON(target), "cap_ms": .integer(3_000)],
          key: "move-\(name)-\(key)-\(target)")
        move = Move(operation: begun["id"]?.string ?? "", source: source, target: target)
        return true
      } catch let refusal as SystemClient.Refused
        where ["conflict", "cell_unavailable"].contains(refusal.code)
      {
        return false
      }
    }
    return move
  }

  /// How an operation ended; nil where the control plane has lost it.
  static func end(
    _ operation: String, _ client: SystemClient, seconds: Int = moveSeconds
  ) async throws -> String? {
    var state: String?
    try await wait("\(operation) has ended", seconds: seconds) {
      do {
        state = try await client.admin("GET", "/v1/operations/\(operation)")["state"]?.string
        return !["planned", "running"].contains(state)
      } catch let refusal as SystemClient.Refused where refusal.code == "not_found" {
        state = nil
        return true
      }
    }
    return state
  }
}
