import Edge
import Hummingbird
import Storage
import Wire

/// Other versions of the program, and what they may write.
struct UpgradeRoutes: Sendable {
  let services: AdminServices

  private var commands: UpgradeCommands { UpgradeCommands(services: services) }

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/upgrades", use: upgrade)
    router.post("/v1/rollbacks", use: rollBack)
    router.get("/v1/format-ceiling", use: showCeiling)
    router.post("/v1/format-ceiling", use: raiseCeiling)
  }

  @Sendable private func upgrade(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let input = try body.decode(UpgradeInput.self)
    _ = try AdminInput.reason(input.reason)
    let command = try AdminCommand(request, body, context, services)
    return try await commands.upgrade(input, command).accepted
  }

  @Sendable private func rollBack(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let input = body.bytes.isEmpty ? RollbackInput.empty : try body.decode(RollbackInput.self)
    _ = try AdminInput.reason(input.reason)
    let command = try AdminCommand(request, body, context, services)
    return try await commands.rollBack(input, command).accepted
  }

  // MARK: The format ceiling

  private struct CeilingInput: Decodable {
    let level: UInt32?
    let reason: String?
  }

  struct CeilingView: ResponseEncodable, Sendable {
    struct Reader: Encodable, Sendable {
      let id: String
      let cell: String
      let version: String
      /// Null: nobody knows.
      let readsLevel: UInt32?
      let onTrial: Bool

      enum CodingKeys: String, CodingKey {
        case id, cell, version
        case onTrial = "on_trial"
        case readsLevel = "reads_level"
      }
    }
    let level: UInt32
    /// What all of them read; null while one is silent.
    let readable: UInt32?
    let readers: [Reader]

    init(_ level: UInt32, _ readers: [FormatCeilingRule.Reader]) {
      self.level = level
      readable = FormatCeilingRule.readable(readers)
      self.readers = readers.map {
        Reader(
          id: $0.name, cell: $0.cell.rawValue, version: $0.version, readsLevel: $0.level,
          onTrial: $0.isOnTrial)
      }
    }
  }

  @Sendable private func showCeiling(
    _ request: Request, _ context: EdgeContext
  ) async throws -> CeilingView {
    let readers = readers()
    return try await services.store.read { rows in
      CeilingView(try rows.formatCeiling() ?? FormatLevel.oldest, try Self.marked(readers, rows))
    }
  }

  @Sendable private func raiseCeiling(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let input =
      body.bytes.isEmpty
      ? CeilingInput(level: nil, reason: nil) : try body.decode(CeilingInput.self)
    _ = try AdminInput.reason(input.reason)
    let heard = readers()
    let command = try AdminCommand(request, body, context, services)
    let answer = try await command.perform { transaction, rows in
      if let running = try rows.runningUpgrades().first {
        throw Failure(.conflict, "\(running) is not done yet")
      }
      let readers = try Self.marked(heard, rows)
      let now = try rows.formatCeiling() ?? FormatLevel.oldest
      let level = try FormatCeilingRule.raised(from: now, to: input.level, readers)
      try rows.raiseFormatCeiling(to: level)
      try rows.append(
        command.audit(
          "format_ceiling.raise", "\(level)", "from \(now) \(input.reason ?? "")"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(200, CeilingView(level, readers))
    }
    if let level = try await services.store.read({ try $0.formatCeiling() }) {
      services.roster.know(formatCeiling: level)
    }
    return answer.response
  }

  /// Every process that may have to read what is written.
  private func readers() -> [FormatCeilingRule.Reader] {
    services.roster.sights().filter { $0.record.state != .retired }.flatMap { sight in
      let cell = sight.record.id
      var readers = [
        FormatCeilingRule.Reader(
          name: cell.rawValue, cell: cell, version: sight.record.version,
          level: sight.isAlive && sight.isHeard ? sight.report.readsLevel : nil)
      ]
      let replicas = services.replicas.sights(of: cell)
      let heard = replicas.filter { !$0.isPrimary && services.replicas.isHeard($0) }
      // A follower that its primary knows and that is silent will read it later.
      let names = Set(replicas.flatMap { $0.followers.map(\.replica) } + heard.map(\.replica))
      readers += names.sorted().map { name in
        let follower = heard.first { $0.replica == name }
        return FormatCeilingRule.Reader(
          name: name, cell: cell, version: follower?.version ?? "",
          level: follower?.readsLevel)
      }
      return readers
    }
  }

  private static func marked(
    _ readers: [FormatCeilingRule.Reader], _ rows: PlatformRows
  ) throws -> [FormatCeilingRule.Reader] {
    var primaries: [CellID: String] = [:]
    for cell in Set(readers.map(\.cell)) { primaries[cell] = try rows.register(of: cell)?.primary }
    return FormatCeilingRule.marked(
      readers, try rows.unsettledProcesses(), primaries: primaries)
  }
}
