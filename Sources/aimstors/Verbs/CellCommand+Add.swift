import ArgumentParser
import GraphSimulator
import Wire

extension CellCommand {
  /// One more cell on this machine.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start one more cell beside those that `aimstors up` runs here.",
      discussion: """
        Waits until it serves. It is started again with the others from then on, until it is \
        retired. Tenants come to it when they are new, by a move, or by `aimstors rebalance`. \
        For a cell on another machine see docs/how-to/add-a-cell.md.
        """)
    static let pollMilliseconds = 100

    @Argument(help: "The new cell's id.") var cell: String
    @Option(name: .long, help: "Its region; that of the first cell where none is named.")
    var region: String?
    @Option(name: .long, help: "Give up after this many seconds (exit code 4).") var timeout = 60
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      guard let id = CellID(cell) else {
        throw CommandFailure(.usage, code: "invalid_identifier", detail: "\(cell) is not a cell id")
      }
      let directory = try LocalSystem.absolute(Environment.live.dataDirectory)
      guard try LocalDescription.read(directory) != nil else {
        throw CommandFailure(
          .usage, code: "not_running",
          detail: "`aimstors up` does not run with the data in \(directory); AIMSTORS_DATA says "
            + "where its data are")
      }
      let api = try connection.connection()
      let known = try await api.list(.admin, "/v1/cells", limit: 1000)
      guard !known.contains(where: { $0["id"]?.string == id.rawValue }) else {
        throw CommandFailure(
          .refused, code: "conflict",
          detail: "\(id) is a cell of this deployment, or was one; use another name")
      }
      let began = ContinuousClock.now
      let region = region ?? known.first?.cell("region") ?? "local"
      try AddedCells(dataDirectory: directory).add(.init(id: id.rawValue, region: region))
      let cell = try await serving(id, api, directory)
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      api.show(
        cell.with("seconds", .double((seconds * 10).rounded() / 10)),
        "\(id) serves after \(Int(seconds.rounded(.up))) s")
    }

    /// Waits until the control plane hears the cell: from then on it places tenants there.
    private func serving(
      _ id: CellID, _ api: APIConnection, _ directory: String
    ) async throws -> JSON {
      let deadline = ContinuousClock.now + .seconds(timeout)
      while ContinuousClock.now < deadline {
        let found = try await api.list(.admin, "/v1/cells", limit: 1000).first {
          $0["id"]?.string == id.rawValue && $0["alive"]?.bool == true
            && $0["last_heartbeat_at"]?.string != nil
        }
        if let found { return found }
        try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      }
      throw CommandFailure(
        .timedOut, code: "not_joined",
        detail: "\(id) does not serve after \(timeout) s; see \(directory)/logs/\(id).log")
    }
  }
}
