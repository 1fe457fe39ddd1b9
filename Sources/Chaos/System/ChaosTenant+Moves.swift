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

  /// Moves the tenant to the other cell; answers how that ended, nil where nobody knows any more.
  func move(_ key: String, _ client: SystemClient) async throws -> String? {
    try await Self.end(try await beginMove(key, client).operation, client)
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

  static func isUnderWay(_ operation: String, _ client: SystemClient) async throws -> Bool {
    let state = try await client.admin("GET", "/v1/operations/\(operation)")["state"]?.string
    return state.map(underWay.contains) ?? false
  }

  private static let underWay = ["planned", "running"]

  /// How an operation ended; nil where the control plane has lost it.
  static func end(
    _ operation: String, _ client: SystemClient, seconds: Int = moveSeconds
  ) async throws -> String? {
    var state: String?
    try await wait("\(operation) has ended", seconds: seconds) {
      do {
        state = try await client.admin("GET", "/v1/operations/\(operation)")["state"]?.string
        return !(state.map(underWay.contains) ?? false)
      } catch let refusal as SystemClient.Refused where refusal.code == "not_found" {
        state = nil
        return true
      }
    }
    return state
  }
}
